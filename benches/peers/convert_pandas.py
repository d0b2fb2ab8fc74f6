"""The conversion of AffectNet's or EmotioNet's label lists in Python with pandas: the same checks, the same table.

    python benches/peers/convert_pandas.py affectnet|emotionet DIR OUT [--exists-only]

See convert_polars.py, whose steps these are.
"""

import hashlib
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
from PIL import Image

CLASSES = ["neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"]
AUS = [1, 2, 4, 5, 6, 9, 12, 17, 20, 25, 26]


def header(path):
    try:
        with Image.open(path) as image:
            return image.size[0] * image.size[1] <= 64_000_000
    except Exception:
        return False


def look(paths, check):
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return list(pool.map(check, paths, chunksize=2048))


def affectnet(root):
    frames = []
    for name, split in [("training.csv", "train"), ("validation.csv", "test")]:
        frame = pd.read_csv(f"{root}/{name}", usecols=lambda c: c != "facial_landmarks", dtype=str)
        frame["line"] = frame.index + 2
        frame["file"], frame["split"] = name, split
        frames.append(frame)
    frame = pd.concat(frames, ignore_index=True).rename(columns={"subDirectory_filePath": "sample_id"})
    frame["image_path"] = "Manually_Annotated_Images/" + frame["sample_id"]
    for column in ["expression", "valence", "arousal", "face_x", "face_y", "face_width", "face_height"]:
        frame[column] = pd.to_numeric(frame[column].str.strip(), errors="coerce").astype("float32")
    frame = frame.rename(
        columns={"face_x": "bbox_x", "face_y": "bbox_y", "face_width": "bbox_w", "face_height": "bbox_h"}
    )
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
    images = {}
    for folder, _, files in os.walk(root):
        for file in files:
            if file.endswith(".jpg"):
                images.setdefault(file, os.path.relpath(os.path.join(folder, file), root))
    frames = []
    for name in sorted(n for n in os.listdir(root) if n.startswith("dataFile_")):
        frame = pd.read_csv(
            f"{root}/{name}",
            sep="\t",
            header=None,
            usecols=[0] + [1 + au for au in AUS],
            dtype=str,
        )
        frame.columns = ["URL"] + [f"au{au:02}" for au in AUS]
        frame["line"] = frame.index + 1
        frame["file"] = name
        frames.append(frame)
    frame = pd.concat(frames, ignore_index=True)
    names = frame["URL"].str.strip(" '\"").str.extract(r"([^/\\]+)$")[0]
    frame["sample_id"] = names.str.replace(r"\.[^.]*$", "", regex=True)
    aus = [f"au{au:02}" for au in AUS]
    for column in aus:
        frame[column] = pd.to_numeric(frame[column].str.strip(), errors="coerce").astype("float32")
    bad = ~frame[aus].isin([0.0, 1.0, 999.0]).all(axis=1) | names.isna()
    frame["image_path"] = names.map(images).fillna("")
    rejects, frame = frame[bad], frame[~bad].copy()
    frame[aus] = frame[aus].where(frame[aus] != 999)
    frame = frame[frame[aus].notna().any(axis=1)].drop(columns="URL")
    frame["split"] = ["test" if share(name) < 0.2 else "train" for name in frame["sample_id"]]
    frame["dataset"] = "emotionet"
    return frame, rejects


def main():
    card, root, out = sys.argv[1:4]
    check = os.path.isfile if "--exists-only" in sys.argv else header
    start = time.perf_counter()
    frame, rejects = {"affectnet": affectnet, "emotionet": emotionet}[card](root)
    found = pd.Series(look([f"{root}/{path}" for path in frame["image_path"]], check), index=frame.index)
    rejects = pd.concat([rejects[["file", "line"]], frame.loc[~found, ["file", "line"]]])
    frame = frame[found]
    again = frame.duplicated("sample_id")
    rejects = pd.concat([rejects, frame.loc[again, ["file", "line"]]])
    frame = frame[~again].sort_values(["split", "sample_id"])
    counts = frame["split"].value_counts().to_dict()
    os.makedirs(out, exist_ok=True)
    frame.to_parquet(f"{out}/samples.parquet", compression="zstd", index=False)
    rejects.to_csv(f"{out}/rejects.csv", index=False)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "samples": len(frame), "rejected": len(rejects), "by_split": counts}))


main()
