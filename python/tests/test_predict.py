"""`predict`, and models that other programs run."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import aura_bench
import numpy as np
import onnx
import onnxruntime
import pytest
import safetensors.numpy
from conftest import REPOSITORY, SMALL, Made

METHODS = ("aura", "aura_mixture", "aura_tuned")


def table_of(run: Path, cache: Path) -> Path:
    """The feature table of a run, in its cache."""
    digests = {stage["digest"][:16] for stage in json.loads((run / "manifest.json").read_text())["stages"] if stage["digest"]}
    return next(folder for folder in (cache / "features").iterdir() if folder.name.rsplit("-", 1)[-1] in digests)


def cache_of(run: Path | None, made: Made) -> Path:
    """The cache of a run; those made here have one of their own, so that other tests find their tables alone in theirs."""
    return made.cache if run == made.result.run_dir else made.cache.parent / "more cache"


def rows(frame: Any, library: str) -> list[dict[str, Any]]:
    found = frame.to_dicts() if library == "polars" else frame.to_dict("records")
    assert isinstance(found, list)
    return found


def test_a_runs_own_features_give_its_predictions_again(made: Made, frames: Any, tmp_path: Path) -> None:
    run = made.result.run_dir
    out = tmp_path / "kept.parquet"
    table = table_of(run, made.cache)
    found = rows(
        aura_bench.predict(run, table, methods=METHODS, seed=1, out=out, device="cpu", quiet=True, frames=frames), frames
    )
    assert out.is_file() and len(found) == 3 * 260
    expected = {
        (row["method"], row["sample_id"]): row
        for row in made.json(
            "SELECT method, sample_id, prediction, output FROM predictions WHERE seed = 1 AND method LIKE 'aura%'"
        )
    }
    for row in found:
        own = expected[row["method"], row["sample_id"]]
        assert row["prediction"] == own["prediction"]
        assert [float(np.float32(value)) for value in own["output"]] == [float(np.float32(value)) for value in row["output"]]


def test_what_cannot_be_predicted_is_warned_of(made: Made, tmp_path: Path) -> None:
    run = made.result.run_dir
    image = next(Path(json.loads((run / "manifest.json").read_text())["data_root"]).rglob("test_0001_aligned.jpg"))
    (tmp_path / "broken.jpg").write_text("no image")
    with pytest.warns(UserWarning, match="1 of 2 faces could not be predicted"):
        found = rows(
            aura_bench.predict(run, [image, tmp_path / "broken.jpg"], device="cpu", quiet=True, frames="polars"), "polars"
        )
    assert len(found) == 1 and found[0]["prediction_name"] is not None
    with pytest.raises(aura_bench.UsageError, match="no seed 7"):
        aura_bench.predict(run, image, seed=7, quiet=True)
    with pytest.raises(aura_bench.DataError, match="there is no"):
        aura_bench.predict(run, tmp_path / "nowhere.jpg", quiet=True)
    with pytest.raises(ValueError, match="empty list"):
        aura_bench.predict(run, [])


#: Every task: one vector an image, and patch tokens with action units.
RUNS: dict[str, dict[str, Any]] = {
    "affectnet_va": {"stand_in__samples": 400},
    "disfa": {"stand_in__samples": 400, "protocol__folds": [1], "model__level": "patch", "features__tokens": "4x4"},
}


@pytest.fixture(scope="module", params=["rafdb", *RUNS])
def trained(request: pytest.FixtureRequest, made: Made) -> Path:
    """A small run of each task."""
    if request.param == "rafdb":
        return made.result.run_dir
    keys = {**SMALL, **RUNS[request.param]}
    recipe = REPOSITORY / "recipes" / f"{request.param}.toml"
    out, cache = made.runs.parent / "more", cache_of(None, made)
    result = aura_bench.run(recipe, stand_in=True, seeds=[0], out=out, cache=cache, quiet=True, **keys)
    return result.run_dir


def test_onnxruntime_computes_what_the_program_computes(trained: Path, made: Made, tmp_path: Path) -> None:
    said = subprocess.run(
        [aura_bench.program(), "export", "model", str(trained), "--out", str(tmp_path / "model"), "--json"],
        check=True,
        capture_output=True,
    )
    exported = json.loads(said.stdout)
    onnx.checker.check_model(str(tmp_path / "model" / "model.onnx"), full_check=True)
    session = onnxruntime.InferenceSession(str(tmp_path / "model" / "model.onnx"), providers=["CPUExecutionProvider"])
    assert [value.name for value in session.get_inputs()] == exported["inputs"]
    assert [value.name for value in session.get_outputs()] == exported["outputs"]

    table = table_of(trained, cache_of(trained, made))
    inputs = exported["inputs"]
    # Action units are read from patch tokens.
    assert ("tokens" in inputs) == trained.name.startswith("disfa")
    features = aura_bench.features(table, tokens="tokens" in inputs, frames="polars").sort("sample_id")
    given = {}
    for value in session.get_inputs():
        column = "global" if value.name == "features" else "tokens"
        values = np.asarray(features[column].to_numpy(), dtype=np.float32)
        given[value.name] = values.reshape([len(values), *value.shape[1:]])
    got = dict(zip(exported["outputs"], session.run(None, given)))

    methods = [name for name in exported["outputs"] if name.startswith("aura")]
    assert "aura_tuned" in methods
    found = aura_bench.predict(trained, table, methods=methods, device="cpu", quiet=True, frames="polars").sort("sample_id")
    for method in methods:
        of_method = found.filter(found["method"] == method)
        own = np.array(of_method["output"].to_list(), dtype=np.float32)
        assert len(own) == len(features) > 100 and own.std() > 1e-3
        # Where two archetypes are equally near, either may be the primal one.
        sure = np.array(of_method["margin"].to_list(), dtype=np.float32) > 1e-5
        assert sure.mean() > 0.95
        np.testing.assert_array_equal(got["archetype"][sure], np.array(of_method["archetype"].to_list())[sure])
        # Weights of several archetypes come of cosines divided by a temperature: it enlarges what single precision rounds.
        np.testing.assert_allclose(got[method][sure], own[sure], atol=2e-6 if method == "aura" else 2e-4)
        similarity = got["similarities"].max(axis=1)
        np.testing.assert_allclose(similarity, np.array(of_method["similarity"].to_list()), atol=2e-5)
    np.testing.assert_allclose(np.linalg.norm(got["embedding"], axis=1), 1, atol=1e-5)
    # One sample alone, by a graph whose first dimension is open.
    alone = session.run(["aura_mixture"], {name: values[:1] for name, values in given.items()})[0]
    np.testing.assert_allclose(alone, got["aura_mixture"][:1], atol=2e-6)

    tensors = safetensors.numpy.load_file(str(tmp_path / "model" / "model.safetensors"))
    embeddings = {row["archetype"]: row["embedding"] for row in archetypes(trained)}
    for archetype, embedding in embeddings.items():
        np.testing.assert_array_equal(tensors["dictionary"][archetype], np.array(embedding, dtype=np.float32))


def archetypes(run: Path) -> list[dict[str, Any]]:
    frame = aura_bench.archetypes(run, frames="polars")
    first = frame["seed"].min()
    return rows(frame.filter(frame["seed"] == first), "polars")


def test_a_model_card_says_what_the_model_is(trained: Path, tmp_path: Path) -> None:
    subprocess.run(
        [aura_bench.program(), "export", "model", str(trained), "--out", str(tmp_path)], check=True, capture_output=True
    )
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    for words in ("STAND-IN", "Licence of the database", "95 % interval", "## Intended use and limits", "ontextualization"):
        assert words in card, words
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "model.onnx", "model.safetensors"]
