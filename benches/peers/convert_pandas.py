# /// script
# requires-python = ">=3.11"
# dependencies = ["pandas", "pillow", "pyarrow"]
# ///
"""The conversion of AffectNet's or EmotioNet's label lists in Python with pandas: the same table. See convert_common.py."""

import hashlib

import pandas as pd

from convert_common import AU_COLUMNS, AUS, CLASSES, FACE_BOX, LISTS, data_files, images_below, main


def to_numbers(frame, columns):
    for column in columns:
        frame[column] = pd.to_numeric(frame[column].str.strip(), errors="coerce").astype("float32")


def affectnet(root):
    frames = []
    for name, split in LISTS:
        frame = pd.read_csv(f"{root}/{name}", usecols=lambda c: c != "facial_landmarks", dtype=str)
        frame["line"] = frame.index + 2
        frame["file"], frame["split"] = name, split
        frames.append(frame)
    frame = pd.concat(frames, ignore_index=True).rename(columns={"subDirectory_filePath": "sample_id", **FACE_BOX})
    frame["image_path"] = "Manually_Annotated_Images/" + frame["sample_id"]
    to_numbers(frame, ["expression", "valence", "arousal", *FACE_BOX.values()])
    bad = (
        ~frame["expression"].between(0, 10)
        | frame["sample_id"].str.contains(r"^/|\.\.", regex=True)
        | (frame["bbox_w"] <= 0)
        | (frame["bbox_h"] <= 0)
    )
    rejects, frame = frame[bad], frame[~bad & (frame["expression"] <= 7)].copy()
    for column in ["valence", "arousal"]:
        frame[column] = frame[column].where(frame[column].between(-1, 1))
    frame["expression"] = frame["expression"].astype("int8")
    frame["expression_name"] = frame["expression"].map(dict(enumerate(CLASSES)))
    frame["dataset"] = "affectnet8"
    return frame, rejects


def share(name):
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little") / 2**64


def emotionet(root):
    images = images_below(root)
    frames = []
    for name in data_files(root):
        columns = [0] + [1 + au for au in AUS]
        frame = pd.read_csv(f"{root}/{name}", sep="\t", header=None, usecols=columns, dtype=str)
        frame.columns = ["URL", *AU_COLUMNS]
        frame["line"] = frame.index + 1
        frame["file"] = name
        frames.append(frame)
    frame = pd.concat(frames, ignore_index=True)
    names = frame["URL"].str.strip(" '\"").str.extract(r"([^/\\]+)$")[0]
    frame["sample_id"] = names.str.replace(r"\.[^.]*$", "", regex=True)
    to_numbers(frame, AU_COLUMNS)
    bad = ~frame[AU_COLUMNS].isin([0.0, 1.0, 999.0]).all(axis=1) | names.isna()
    frame["image_path"] = names.map(images).fillna("")
    rejects, frame = frame[bad], frame[~bad].copy()
    frame[AU_COLUMNS] = frame[AU_COLUMNS].where(frame[AU_COLUMNS] != 999)
    frame = frame[frame[AU_COLUMNS].notna().any(axis=1)].drop(columns="URL")
    frame["split"] = ["test" if share(name) < 0.2 else "train" for name in frame["sample_id"]]
    frame["dataset"] = "emotionet"
    return frame, rejects


def finish(frame, rejects, found):
    found = pd.Series(found, index=frame.index)
    rejects = pd.concat([rejects[["file", "line"]], frame.loc[~found, ["file", "line"]]])
    frame = frame[found]
    again = frame.duplicated("sample_id")
    rejects = pd.concat([rejects, frame.loc[again, ["file", "line"]]])
    frame = frame[~again].sort_values(["split", "sample_id"])

    def write(samples, rejected):
        frame.to_parquet(samples, compression="zstd", index=False)
        rejects.to_csv(rejected, index=False)

    return len(frame), len(rejects), frame["split"].value_counts().to_dict(), write


main({"affectnet": affectnet, "emotionet": emotionet}, finish)
