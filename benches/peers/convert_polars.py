# /// script
# requires-python = ">=3.11"
# dependencies = ["pillow", "polars"]
# ///
"""The conversion of AffectNet's or EmotioNet's label lists in Python with polars: the same table. See convert_common.py."""

import polars as pl

from convert_common import AU_COLUMNS, AUS, CLASSES, FACE_BOX, LISTS, data_files, images_below, main


def number(column):
    return pl.col(column).str.strip_chars().cast(pl.Float32, strict=False)


def affectnet(root):
    frame = pl.concat(
        pl.scan_csv(f"{root}/{name}", infer_schema_length=0, null_values=["NULL"])
        .drop("facial_landmarks")
        .rename({"subDirectory_filePath": "sample_id"})
        .with_row_index("line", offset=2)
        .with_columns(
            pl.lit(name).alias("file"),
            pl.lit(split).alias("split"),
            pl.concat_str([pl.lit("Manually_Annotated_Images/"), pl.col("sample_id")]).alias("image_path"),
            pl.col("expression").str.strip_chars().cast(pl.Int8, strict=False),
            *[number(column) for column in ("valence", "arousal")],
            *[number(column).alias(short) for column, short in FACE_BOX.items()],
        )
        .drop(FACE_BOX)
        for name, split in LISTS
    ).collect(engine="streaming")
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
        pl.col("expression").replace_strict(dict(enumerate(CLASSES)), return_dtype=pl.String).alias("expression_name"),
    )
    return frame, rejects


def emotionet(root):
    images = images_below(root)
    columns = ["URL", "URL orig"] + [f"AU{i}" for i in range(1, 61)]
    own = [f"AU{au}" for au in AUS]
    frame = pl.concat(
        pl.scan_csv(f"{root}/{name}", separator="\t", has_header=False, new_columns=columns, infer_schema_length=0)
        .select("URL", *own)
        .with_row_index("line", offset=1)
        .with_columns(pl.lit(name).alias("file"))
        for name in data_files(root)
    ).collect(engine="streaming")
    frame = frame.with_columns(
        pl.col("URL").str.strip_chars(" '\"").str.extract(r"([^/\\]+)$").alias("name"),
        *[number(column).alias(short) for column, short in zip(own, AU_COLUMNS)],
    ).drop("URL", *own)
    bad = pl.any_horizontal(~pl.col(c).is_in([0.0, 1.0, 999.0]) for c in AU_COLUMNS) | pl.col("name").is_null()
    rejects = frame.filter(bad)
    frame = frame.filter(~bad).with_columns(pl.when(pl.col(c) != 999).then(pl.col(c)).alias(c) for c in AU_COLUMNS)
    frame = frame.filter(~pl.all_horizontal(pl.col(c).is_null() for c in AU_COLUMNS))
    frame = frame.with_columns(
        pl.col("name").str.replace(r"\.[^.]*$", "").alias("sample_id"),
        pl.Series("image_path", [images.get(n, "") for n in frame["name"]]),
        pl.lit("emotionet").alias("dataset"),
        pl.when(pl.col("name").hash(0) % 100 < 20).then(pl.lit("test")).otherwise(pl.lit("train")).alias("split"),
    ).drop("name")
    return frame, rejects


def finish(frame, rejects, found):
    found = pl.Series(found)
    rejects = pl.concat([rejects.select("file", "line"), frame.filter(~found).select("file", "line")])
    frame = frame.filter(found)
    first = frame["sample_id"].is_first_distinct()
    rejects = pl.concat([rejects, frame.filter(~first).select("file", "line")])
    frame = frame.filter(first).sort("split", "sample_id")
    by_split = dict(frame.group_by("split").len().sort("split").rows())

    def write(samples, rejected):
        frame.write_parquet(samples, compression="zstd")
        rejects.write_csv(rejected)

    return frame.height, rejects.height, by_split, write


main({"affectnet": affectnet, "emotionet": emotionet}, finish)
