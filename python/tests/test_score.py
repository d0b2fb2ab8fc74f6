"""Predictions of other tools, as files and as frames."""

from __future__ import annotations

from pathlib import Path

import aura_bench
import pytest
from conftest import RECIPE, REPOSITORY, SMALL, Made


def test_a_frame_and_a_file_of_aura_s_own_answers_come_to_what_the_run_came_to(made: Made, tmp_path: Path) -> None:
    import polars

    seed = 0
    said = made.json(
        "SELECT p.sample_id AS file, c.class_name AS said FROM predictions p "
        "JOIN classes c ON c.run = p.run AND c.class = p.prediction "
        f"WHERE p.method = 'aura' AND p.split = 'test' AND p.seed = {seed}"
    )
    frame = polars.DataFrame(said)
    keys = {key: value for key, value in SMALL.items() if key.startswith("stand_in")}
    recipe = REPOSITORY / RECIPE
    columns = {"sample_id": "file", "prediction": "said"}

    def score(predictions: object) -> dict[str, object]:
        return aura_bench.score(
            recipe, predictions, columns=columns, tool="ours", stand_in=True, out=tmp_path, cache=made.cache, **keys
        )

    found = score(frame)
    accuracy = made.result.scores["acc"].seeds[seed]
    assert found["metrics"]["acc"]["mean"] == pytest.approx(accuracy)  # type: ignore[index]
    assert found["tool"] == "ours" and found["matched"] == "sample_id"
    frame.write_csv(tmp_path / "said.csv")
    frame.head(5).write_csv(tmp_path / "few.csv")
    again = score([tmp_path / "said.csv"])
    assert again["metrics"] == found["metrics"]
    with pytest.raises(aura_bench.DataError, match="have no prediction"):
        score(str(tmp_path / "few.csv"))
    with pytest.raises(aura_bench.DataError, match="is no column"):
        aura_bench.score(recipe, tmp_path / "said.csv", columns={"image": "x"}, stand_in=True, cache=made.cache, **keys)
