"""Runs every statement of reports/sql unchanged on an engine that is not this program's, over plain Parquet listing tables, and
holds its rows against those of `aura-bench query`.

Called by scripts/plain-sql with a folder of runs; AURA_BENCH_PROGRAM names the program. The engine is the `datafusion` wheel.
What it is given is all that a cluster would need: the runs' own files by their names, nine small tables as `aura-bench query`
writes them as Parquet, two scalar functions, and the views of reports/sql/views.
"""

from __future__ import annotations

import bisect
import math
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datafusion import SessionConfig, SessionContext, udf

PROGRAM = os.environ["AURA_BENCH_PROGRAM"]
SQL = Path(__file__).resolve().parents[2] / "reports" / "sql"
# Made from manifests, or of files in which no column says the run.
SMALL = ["runs", "classes", "settings", "stages", "warnings", "bins", "units", "samples", "truth"]
# Files that say their run, and where they are of a seed its fold and number, in columns of their own.
FILES = [
    "archetypes",
    "assignments",
    "attributes",
    "duplicates",
    "flows",
    "maps",
    "metrics",
    "missing",
    "predictions",
    "relabelled",
    "resets",
    "separability",
    "standings",
    "subgroups",
]
PARAMETERS: dict[str, Any] = {
    "archetypes": 3,
    "images": 2,
    "dimension": "valence",
    "panels": 2,
    "panel_images": 2,
    "arousal_clusters": "-1,0,1",
    "valence_clusters": "-1,0,1",
    "map_units": "au12,au23",
    "au_levels": "0,0.5,1",
    "seed": 0,
    "split": "test",
    "support": 2,
    "issues": 5,
    "others": 3,
    "root": "/data",
}
# Sums of floating-point numbers are formed in another order here.
TOLERANCE = 1e-6


def program(runs: Path, sql: str, out: Path) -> pa.Table:
    """The rows of a query as the program gives them."""
    values = [f"--param={name}:{'int' if isinstance(value, int) else 'text'}={value}" for name, value in PARAMETERS.items()]
    question = [
        PROGRAM,
        "query",
        "--file",
        "-",
        "--runs",
        str(runs),
        "--format",
        "parquet",
        "--out",
        str(out),
        *values,
        "--param=fold=null",
    ]
    answer = subprocess.run(question, input=sql, capture_output=True, text=True)
    if answer.returncode != 0:
        raise SystemExit(f"plain-sql: aura-bench query: {answer.stderr}")
    return pq.read_table(out)


def position(edges: list[float]) -> Any:
    """The function that looks a score up among bins."""
    last = len(edges) - 2

    def look_up(scores: pa.Array) -> pa.Array:
        found: list[int | None] = []
        for score in scores.to_pylist():
            at = None if score is None else bisect.bisect_right(edges, score) - 1
            if at == last + 1 and score == edges[-1]:
                at = last
            found.append(at if at is not None and 0 <= at <= last else None)
        return pa.array(found, pa.int64())

    return look_up


def bins(table: pa.Table, task: str) -> list[float]:
    """Edges, the same for every dimension of a task, in single precision as scores are."""
    all_rows = [row for row in table.to_pylist() if row["task"] == task]
    rows = [row for row in all_rows if row["dimension"] == all_rows[0]["dimension"]]
    rows.sort(key=lambda row: row["position"])
    edges = [row["low"] for row in rows] + [rows[-1]["high"]]
    return pa.array(edges, pa.float32()).to_pylist()


def session(runs: Path, small: dict[str, pa.Table], work: Path) -> SessionContext:
    """An engine that knows nothing of this program."""
    settings = SessionConfig().with_target_partitions(4)
    # The runs' files lie in their seeds' folders.
    settings = settings.set("datafusion.execution.listing_table_ignore_subdirectory", "false")
    # With it DataFusion 55 refuses its own plans of two statements, `standings` and `table4_lambda` (SanityCheckPlan).
    settings = settings.set("datafusion.optimizer.repartition_sorts", "false")
    context = SessionContext(settings)
    for name in small:
        context.register_parquet(name, str(work / f"{name}.parquet"))
    for name in FILES:
        if any(runs.rglob(f"{name}.parquet")):
            context.register_parquet(name, str(runs), file_extension=f"/{name}.parquet")
        else:
            empty = work / f"{name}.parquet"
            program(runs, f"SELECT * FROM {name}", empty)
            context.register_parquet(name, str(empty))
    for function, task in [("affect_bin", "valence_arousal"), ("activation_bin", "action_units")]:
        look_up = position(bins(small["bins"], task))
        context.register_udf(udf(look_up, [pa.float32()], pa.int64(), "immutable", function))
    waiting = {path.stem: path.read_text() for path in sorted((SQL / "views").glob("*.sql"))}
    while waiting:
        done, why = [], ""
        for name, sql in waiting.items():
            try:
                context.sql(f"CREATE VIEW {name} AS {sql}").collect()
                done.append(name)
            except Exception as error:  # A view that it is made from comes later in the alphabet.
                why = f"{name}: {error}"
        if not done:
            raise SystemExit(f"plain-sql: no further view can be made: {why}")
        for name in done:
            del waiting[name]
    return context


def plain(value: Any) -> Any:
    """A value as it is compared."""
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def rows(table: pa.Table) -> list[tuple[Any, ...]]:
    """All rows in an order that last digits do not change."""
    columns = [[plain(value) for value in column.to_pylist()] for column in table.columns]
    found = list(zip(*columns, strict=True))

    def key(row: tuple[Any, ...]) -> str:
        return "|".join(
            f"{value:.5g}" if isinstance(value, float) else str(value) for value in row if not isinstance(value, list)
        )

    return sorted(found, key=key)


def same(left: Any, right: Any) -> bool:
    """Equal but for the last digits."""
    if isinstance(left, float) or isinstance(right, float):
        if left is None or right is None:
            return left is right
        return math.isclose(left, right, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def main() -> None:
    runs = Path(sys.argv[1]).resolve()
    failed: list[str] = []
    counted: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        small = {name: program(runs, f"SELECT * FROM {name}", work / f"{name}.parquet") for name in SMALL}
        first = program(runs, "SELECT min(sample_id) AS sample FROM predictions WHERE split = 'test'", work / "first.parquet")
        PARAMETERS["sample"] = first["sample"][0].as_py()
        context = session(runs, small, work)
        statements = {path.stem: path.read_text() for path in sorted(SQL.glob("*.sql"))}
        statements |= {f"views/{path.stem}": f"SELECT * FROM {path.stem}" for path in sorted((SQL / "views").glob("*.sql"))}
        for name, sql in statements.items():
            ours = program(runs, sql, work / "ours.parquet")
            named = {key: value for key, value in [*PARAMETERS.items(), ("fold", None)] if f"${key}" in sql}
            try:
                theirs = context.sql(sql, param_values=named).to_arrow_table()
            except Exception as error:
                failed.append(f"{name}: {error}")
                continue
            left, right = rows(ours), rows(theirs)
            counted["statements"] += 1
            counted["rows"] += len(left)
            counted["empty"] += not left
            if len(left) != len(right):
                failed.append(f"{name}: {len(left)} rows here, {len(right)} there")
            elif wrong := next((pair for pair in zip(left, right, strict=True) if not same(list(pair[0]), list(pair[1]))), None):
                failed.append(f"{name}: {wrong[0]} here, {wrong[1]} there")
    for line in failed:
        print(f"plain-sql: {line}"[:600])
    print(
        f"plain-sql: {counted['statements']} statements, {counted['rows']} rows, {counted['empty']} statements without any, "
        f"{len(failed)} differ"
    )
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
