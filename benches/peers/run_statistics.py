# /// script
# requires-python = ">=3.11"
# dependencies = ["duckdb", "polars"]
# ///
"""The valence-arousal block of Table 1 with DuckDB and with polars, on the files that benches/statistics.rs made.

usage: run_statistics.py RUN_FOLDER; prints {"duckdb": {"seconds", "rows"}, "polars": {...}}: best of five calls, and the
rows as aura-bench prints them (run, fold, seed, dimension, low, high, assigned, uses_min, uses_max, matched, samples).
A file named statistics.py would hide Python's own module from the peers beside it.
"""

import json
import sys
import time

import duckdb
import polars as pl

EDGES = [-1.0, -0.7, -0.4, -0.1, 0.1, 0.4, 0.7, 1.0]
BINS = [(low, high, i == len(EDGES) - 2) for i, (low, high) in enumerate(zip(EDGES, EDGES[1:]))]
DIMENSIONS = ["valence", "arousal"]


def with_duckdb(folder):
    db = duckdb.connect()
    bins = ", ".join(f"({i}, {low}, {high}, {last})" for i, (low, high, last) in enumerate(BINS))
    inside = "{0} >= CAST(b.low AS FLOAT) AND ({0} < CAST(b.high AS FLOAT) OR (b.last AND {0} <= CAST(b.high AS FLOAT)))"
    rows = db.execute(
        f"""
        WITH bins(position, low, high, last) AS (VALUES {bins}),
        counted AS (
          SELECT archetype, count(*) AS uses FROM '{folder}/seed-0/assignments.parquet' WHERE split = 'train' GROUP BY archetype
        ),
        scored AS (
          SELECT d.dimension, a.value[d.i] AS score, coalesce(c.uses, 0) AS uses
          FROM '{folder}/seed-0/archetypes.parquet' a
          LEFT JOIN counted c USING (archetype)
          CROSS JOIN (VALUES ('valence', 1), ('arousal', 2)) d(dimension, i)
          WHERE a.active
        ),
        per_bin AS (
          SELECT s.dimension, b.position, count(*) AS assigned, min(uses) AS low_use, max(uses) AS high_use, sum(uses) AS matched
          FROM scored s JOIN bins b ON {inside.format("s.score")} GROUP BY s.dimension, b.position
        ),
        labels AS (
          SELECT 'valence' AS dimension, valence AS score FROM '{folder}/samples.parquet' WHERE split = 'train'
          UNION ALL
          SELECT 'arousal', arousal FROM '{folder}/samples.parquet' WHERE split = 'train'
        ),
        labelled AS (
          SELECT l.dimension, b.position, count(*) AS samples
          FROM labels l JOIN bins b ON {inside.format("l.score")} GROUP BY l.dimension, b.position
        )
        SELECT d.dimension, b.low, b.high, coalesce(p.assigned, 0), p.low_use, p.high_use, coalesce(p.matched, 0), l.samples
        FROM (VALUES ('valence'), ('arousal')) d(dimension)
        CROSS JOIN bins b
        LEFT JOIN per_bin p ON p.dimension = d.dimension AND p.position = b.position
        LEFT JOIN labelled l ON l.dimension = d.dimension AND l.position = b.position
        ORDER BY d.dimension, b.low
        """
    ).fetchall()
    return [(d, float(low), float(high), *rest) for d, low, high, *rest in rows]


def with_polars(folder):
    single = pl.Series("edge", EDGES, dtype=pl.Float32).to_list()

    def position(column):
        bin = pl.lit(None, dtype=pl.Int32)
        for i, (low, high) in reversed(list(enumerate(zip(single, single[1:])))):
            low, high = pl.lit(low, dtype=pl.Float32), pl.lit(high, dtype=pl.Float32)
            upper = column <= high if i == len(BINS) - 1 else column < high
            bin = pl.when((column >= low) & upper).then(i).otherwise(bin)
        return bin.alias("position")

    counted = (
        pl.scan_parquet(f"{folder}/seed-0/assignments.parquet")
        .filter(pl.col("split") == "train")
        .group_by("archetype")
        .agg(pl.len().cast(pl.Int64).alias("uses"))
    )
    archetypes = (
        pl.scan_parquet(f"{folder}/seed-0/archetypes.parquet")
        .filter(pl.col("active"))
        .select("archetype", "value")
        .join(counted, on="archetype", how="left")
        .with_columns(pl.col("uses").fill_null(0))
    )
    samples = pl.scan_parquet(f"{folder}/samples.parquet").filter(pl.col("split") == "train").select("valence", "arousal")
    plans = []
    for i, dimension in enumerate(DIMENSIONS):
        plans.append(
            archetypes.with_columns(position(pl.col("value").list.get(i)))
            .group_by("position")
            .agg(
                pl.len().alias("assigned"),
                pl.col("uses").min().alias("low_use"),
                pl.col("uses").max().alias("high_use"),
                pl.col("uses").sum().alias("matched"),
            )
        )
        plans.append(samples.select(position(pl.col(dimension))).group_by("position").agg(pl.len().alias("samples")))
    frames = pl.collect_all(plans)
    rows = []
    for i, dimension in enumerate(DIMENSIONS):
        per_bin = {row["position"]: row for row in frames[2 * i].to_dicts()}
        labelled = {row["position"]: row["samples"] for row in frames[2 * i + 1].to_dicts()}
        for j, (low, high, _) in enumerate(BINS):
            row = per_bin.get(j, {"assigned": 0, "low_use": None, "high_use": None, "matched": 0})
            rows.append(
                (dimension, low, high, row["assigned"], row["low_use"], row["high_use"], row["matched"], labelled.get(j))
            )
    return sorted(rows, key=lambda row: (row[0], row[1]))


def measure(work, folder):
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        rows = work(folder)
        seconds.append(time.perf_counter() - start)
    text = [",".join(["large", "", "0", *("" if cell is None else str(cell) for cell in row)]) for row in rows]
    return {"seconds": min(seconds), "rows": text}


folder = sys.argv[1]
print(json.dumps({"duckdb": measure(with_duckdb, folder), "polars": measure(with_polars, folder)}))
