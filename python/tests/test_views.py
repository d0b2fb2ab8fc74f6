"""Views and queries as frames."""

from __future__ import annotations

import csv
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import aura_bench
import pytest
from conftest import Made
from rows import assert_same, rows

VIEWS = ["runs", "metrics", "predictions", "assignments", "archetypes"]


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_holds_what_the_program_prints(made: Made, view: str, frames: Any) -> None:
    frame = getattr(aura_bench, view)(made.runs, frames=frames)
    expected = made.json(f"SELECT * FROM {view}")
    assert expected
    assert_same(frame, expected)
    assert type(frame).__module__.startswith(frames)
    if view != "runs":
        assert_same(getattr(made.result, view)(frames=frames), expected)


def test_runs_are_named_in_every_way(made: Made, frames: Any) -> None:
    folder = made.result.run_dir
    for named in (made.runs, str(made.runs), folder, made.result, [folder], [str(folder)], (made.result,)):
        assert rows(aura_bench.runs(named, frames=frames))[0]["run"] == folder.name
    with pytest.raises(ValueError, match="empty list"):
        aura_bench.runs([])


def test_the_folder_runs_is_the_default(made: Made, frames: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made.runs.parent)
    assert len(aura_bench.runs(frames=frames)) == 1


def test_a_folder_without_runs_has_columns_and_no_rows(tmp_path: Path, made: Made, frames: Any) -> None:
    for view in VIEWS:
        frame = getattr(aura_bench, view)(tmp_path, frames=frames)
        assert len(frame) == 0
        assert list(frame.columns) == list(getattr(aura_bench, view)(made.runs, frames=frames).columns)
    assert len(aura_bench.labels_to_check(tmp_path, frames=frames)) == 0
    for task, column in (("valence_arousal", "dimension"), ("action_units", "unit")):
        frame = aura_bench.labels_to_check(made.runs, task=task, frames=frames)
        assert len(frame) == 0 and column in frame.columns
    with pytest.raises(ValueError, match="task"):
        aura_bench.labels_to_check(made.runs, task="expressions")


def test_types_do_not_depend_on_the_rows(made: Made, frames: Any) -> None:
    # `fold` is null in all rows of this run, `label` in none; neither becomes a float.
    frame = aura_bench.predictions(made.runs, frames=frames)
    empty = aura_bench.query("SELECT * FROM predictions WHERE false", made.runs, frames=frames)
    assert [str(of) for of in frame.dtypes] == [str(of) for of in empty.dtypes]
    assert str(dict(zip(frame.columns, frame.dtypes))["fold"]) == "Int32"
    # Large seeds with gaps are exact.
    big = aura_bench.query("SELECT 9007199254740993 AS seed UNION ALL SELECT NULL ORDER BY seed", made.runs, frames=frames)
    assert [row["seed"] for row in rows(big)] == [9007199254740993, None]


def test_parameters_keep_their_types(made: Made, frames: Any) -> None:
    import numpy

    params = {"text": "007", "whole": numpy.int64(7), "real": 0.1, "yes": True, "none": None, "quote": "it's ü = $x\n"}
    frame = aura_bench.query(
        "SELECT $text AS text, $whole AS whole, $real AS real, $yes AS yes, $none AS none, $quote AS quote",
        made.runs,
        params=params,
        frames=frames,
    )
    assert rows(frame) == [{**params, "whole": 7}]
    with pytest.raises(TypeError, match="parameter p is a list"):
        aura_bench.query("SELECT $p", made.runs, params={"p": [1]})


def test_sql_may_be_longer_than_an_argument(made: Made, frames: Any) -> None:
    sql = "-- " + "x" * 3_000_000 + "\nSELECT run FROM runs"
    assert len(aura_bench.query(sql, made.runs, frames=frames)) == 1


def test_columns_of_one_name_and_lists_arrive(made: Made, frames: Any) -> None:
    frame = aura_bench.query("SELECT a.run, b.run, [1.5, NULL] AS list FROM runs a CROSS JOIN runs b", made.runs, frames=frames)
    found = rows(frame)[0]
    assert list(found.values()) == [made.result.run_dir.name, made.result.run_dir.name, [1.5, None]]


def test_nothing_is_left_in_the_temporary_folder(
    made: Made, frames: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    aura_bench.metrics(made.runs, frames=frames)
    with pytest.raises(aura_bench.UsageError):
        aura_bench.query("SELECT nothing FROM metrics", made.runs, frames=frames)
    assert os.listdir(tmp_path) == []


def test_what_cannot_be_asked_is_said_in_the_programs_words(made: Made, tmp_path: Path) -> None:
    with pytest.raises(aura_bench.UsageError, match="no column named `valeu`: did you mean `value`") as usage:
        aura_bench.query("SELECT valeu FROM metrics", made.runs)
    assert usage.value.exit_code == 2
    with pytest.raises(aura_bench.DataError, match="no folder") as data:
        aura_bench.metrics(tmp_path / "nowhere")
    assert data.value.exit_code == 3


def test_a_damaged_table_is_not_read(made: Made, tmp_path: Path) -> None:
    run = shutil.copytree(made.result.run_dir, tmp_path / "run")
    file = run / "seed-0" / "metrics.parquet"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(aura_bench.DataError, match=r"metrics\.parquet"):
        aura_bench.metrics(run)


def test_labels_to_check_are_those_of_the_report(made: Made, frames: Any) -> None:
    frame = aura_bench.labels_to_check(made.runs, frames=frames)
    with open(made.result.run_dir / "report" / "tables" / "label_issues.csv", encoding="utf-8") as file:
        expected = list(csv.DictReader(file))
    found = rows(frame)
    assert found and len(found) == len(expected)
    for ours, theirs in zip(found, expected):
        assert ours["sample_id"] == theirs["sample_id"]
        assert float(theirs["doubt"]) == ours["doubt"]
        assert theirs["flipped"] == str(ours["flipped"]).lower()


def test_features_are_one_row_a_sample(made: Made, frames: Any) -> None:
    import numpy

    frame = aura_bench.features(made.result.run_dir, frames=frames)
    matrix = frame["global"].to_numpy() if frames == "polars" else numpy.stack(frame["global"])
    assert matrix.dtype == numpy.float32 and matrix.shape[0] == 260
    assert numpy.isfinite(matrix).all() and matrix.std() > 0
    samples = {row["sample_id"] for row in made.json("SELECT sample_id FROM samples")}
    assert set(frame["sample_id"]) == samples
    # The table itself, and the result, are the same.
    (table,) = (made.cache / "features").iterdir()
    assert rows(aura_bench.features(table, frames=frames)) == rows(frame)
    assert rows(made.result.features(frames=frames)) == rows(frame)


def test_features_of_both_libraries_are_those_of_the_file(made: Made) -> None:
    import numpy
    import pyarrow.parquet

    (table,) = (made.cache / "features").iterdir()
    stored = pyarrow.parquet.read_table(table / "part-00000.parquet", columns=["global"])["global"].to_pylist()
    for ours in (
        aura_bench.features(made.result, frames="polars")["global"].to_numpy(),
        numpy.stack(aura_bench.features(made.result, frames="pandas")["global"]),
    ):
        assert (numpy.array(stored, dtype=numpy.float32) == ours).all()


def test_features_in_several_parts_with_tokens(tmp_path: Path, frames: Any) -> None:
    import numpy
    import pyarrow
    import pyarrow.parquet

    values = numpy.arange(5 * 6, dtype=numpy.float16).reshape(5, 6) / 3
    for index, part in enumerate((range(0, 3), range(3, 5))):
        lists = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(values[part].ravel()), 6)
        table = pyarrow.table({"sample_id": [f"s{i}" for i in part], "global": lists, "tokens": lists})
        pyarrow.parquet.write_table(table, tmp_path / f"part-{index:05}.parquet")
    frame = aura_bench.features(tmp_path, tokens=True, frames=frames)
    assert list(frame["sample_id"]) == ["s0", "s1", "s2", "s3", "s4"]
    for name in ("global", "tokens"):
        assert (numpy.stack(list(frame[name])) == values.astype(numpy.float32)).all()


def test_features_that_are_not_there_are_said_to_be(made: Made, tmp_path: Path, frames: Any) -> None:
    with pytest.raises(aura_bench.DataError, match="neither a run folder"):
        aura_bench.features(tmp_path, frames=frames)
    with pytest.raises(aura_bench.DataError, match="not in the cache .* cache=DIR"):
        aura_bench.features(made.result.run_dir, cache=tmp_path, frames=frames)
    with pytest.raises(aura_bench.DataError, match=r"no tokens.*features\.tokens"):
        aura_bench.features(made.result, tokens=True, frames=frames)


def test_damaged_features_are_not_read(made: Made, tmp_path: Path) -> None:
    cache = shutil.copytree(made.cache, tmp_path / "cache")
    (part,) = (cache / "features").glob("*/part-00000.parquet")
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)
    with pytest.raises(aura_bench.DataError, match=r"part-00000\.parquet"):
        aura_bench.features(made.result.run_dir, cache=cache)
