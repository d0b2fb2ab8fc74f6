"""The conversion of AffectNet's or EmotioNet's label lists in Python with polars: the same checks, the same table.

    python benches/peers/convert_polars.py affectnet|emotionet DIR OUT [--exists-only]

Reads the lists below DIR, keeps the card's labels, rejects impossible values and repeated names, looks at every image (its header
with Pillow, in threads; with --exists-only just whether it is there), writes OUT/samples.parquet and OUT/rejects.csv, and prints
the seconds between the first line read and the last written as JSON. Imports are not counted.
"""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import polars as pl
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
        frames.append(
            pl.scan_csv(
                f"{root}/{name}",
                infer_schema_length=0,
                null_values=["NULL"],
            )
            .drop("facial_landmarks")
            .rename({"subDirectory_filePath": "sample_id"})
            .with_row_index("line", offset=2)
            .with_columns(
                pl.lit(name).alias("file"),
                pl.lit(split).alias("split"),
                pl.concat_str([pl.lit("Manually_Annotated_Images/"), pl.col("sample_id")]).alias("image_path"),
                pl.col("expression").str.strip_chars().cast(pl.Int8, strict=False),
                *[pl.col(c).str.strip_chars().cast(pl.Float32, strict=False) for c in ("valence", "arousal")],
                *[
                    pl.col(f"face_{c}").str.strip_chars().cast(pl.Float32, strict=False).alias(f"bbox_{c[0]}")
                    for c in ("x", "y", "width", "height")
                ],
            )
            .drop("face_x", "face_y", "face_width", "face_height")
        )
    frame = pl.concat(frames).collect(engine="streaming")
    bad = (
        pl.col("expression").is_null()
        | ~pl.col("expression").is_between(0, 10)
        | pl.col("sample_id").str.contains(r"(^/|\.\.)")
        | (pl.col("bbox_w") <= 0).fill_null(False)
        | (pl.col("bbox_h") <= 0).fill_null(False)
    )
    rejects = frame.filter(bad)
    frame = frame.filter(~bad & (pl.col("expression") <= 7))
    frame = frame.with_columns(
        pl.when(pl.col(c).is_between(-1, 1)).then(pl.col(c)).alias(c) for c in ("valence", "arousal")
    ).with_columns(
        pl.lit("affectnet8").alias("dataset"),
        pl.col("expression")
        .replace_strict(dict(enumerate(CLASSES)), return_dtype=pl.String)
        .alias("expression_name"),
    )
    return frame, rejects


def emotionet(root):
    names = sorted(n for n in os.listdir(root) if n.startswith("dataFile_"))
    images = {}
    for folder, _, files in os.walk(root):
        for file in files:
            if file.endswith(".jpg"):
                images.setdefault(file, os.path.relpath(os.path.join(folder, file), root))
    columns = ["URL", "URL orig"] + [f"AU{i}" for i in range(1, 61)]
    frame = pl.concat(
        pl.scan_csv(
            f"{root}/{name}",
            separator="\t",
            has_header=False,
            new_columns=columns,
            infer_schema_length=0,
        )
        .select("URL", *[f"AU{au}" for au in AUS])
        .with_row_index("line", offset=1)
        .with_columns(pl.lit(name).alias("file"))
        for name in names
    ).collect(engine="streaming")
    frame = frame.with_columns(
        pl.col("URL").str.strip_chars(" '\"").str.extract(r"([^/\\]+)$").alias("name"),
        *[pl.col(f"AU{au}").str.strip_chars().cast(pl.Float32, strict=False).alias(f"au{au:02}") for au in AUS],
    ).drop("URL", *[f"AU{au}" for au in AUS])
    aus = [f"au{au:02}" for au in AUS]
    bad = pl.any_horizontal(~pl.col(c).is_in([0.0, 1.0, 999.0]) for c in aus) | pl.col("name").is_null()
    rejects = frame.filter(bad)
    frame = frame.filter(~bad).with_columns(
        pl.when(pl.col(c) != 999).then(pl.col(c)).alias(c) for c in aus
    )
    frame = frame.filter(~pl.all_horizontal(pl.col(c).is_null() for c in aus))
    frame = frame.with_columns(
        pl.col("name").str.replace(r"\.[^.]*$", "").alias("sample_id"),
        pl.Series("image_path", [images.get(n, "") for n in frame["name"]]),
        pl.lit("emotionet").alias("dataset"),
        pl.when(pl.col("name").hash(0) % 100 < 20).then(pl.lit("test")).otherwise(pl.lit("train")).alias("split"),
    ).drop("name")
    return frame, rejects


def main():
    card, root, out = sys.argv[1:4]
    check = os.path.isfile if "--exists-only" in sys.argv else header
    start = time.perf_counter()
    frame, rejects = {"affectnet": affectnet, "emotionet": emotionet}[card](root)
    found = pl.Series(look([f"{root}/{path}" for path in frame["image_path"]], check))
    rejects = pl.concat([rejects.select("file", "line"), frame.filter(~found).select("file", "line")])
    frame = frame.filter(found)
    again = frame["sample_id"].is_first_distinct()
    rejects = pl.concat([rejects, frame.filter(~again).select("file", "line")])
    frame = frame.filter(again).sort("split", "sample_id")
    counts = frame.group_by("split").len().sort("split").rows()
    os.makedirs(out, exist_ok=True)
    frame.write_parquet(f"{out}/samples.parquet", compression="zstd")
    rejects.write_csv(f"{out}/rejects.csv")
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "samples": frame.height, "rejected": rejects.height, "by_split": dict(counts)}))


main()
