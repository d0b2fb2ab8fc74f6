"""One small run, made by the real program, which all tests read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PACKAGE = Path(__file__).resolve().parents[1]
REPOSITORY = PACKAGE.parent
sys.path.insert(0, str(PACKAGE))

import aura_bench  # noqa: E402

RECIPE = "recipes/rafdb.toml"
# The smallest run that still goes through every stage.
SMALL: dict[str, Any] = {
    "stand_in__samples": 260,
    "train": {"epochs": 3},
    "model.k_max": 30,
    "baselines": {"methods": ["knn"]},
}


@dataclass(frozen=True)
class Made:
    """The run, the folder of runs that it lies in, and the cache."""

    result: aura_bench.RunResult
    runs: Path
    cache: Path

    def json(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a query as the program prints them."""
        command = [aura_bench.program(), "query", sql, "--runs", str(self.runs), "--format", "json"]
        rows = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        assert isinstance(rows, list)
        return rows


@pytest.fixture(scope="session", autouse=True)
def program() -> str:
    """Only a program that was named is tested, not one that happens to be in PATH."""
    if not os.environ.get("AURA_BENCH_PROGRAM"):
        pytest.exit("AURA_BENCH_PROGRAM must name the program that is to be tested", returncode=2)
    os.environ["AURA_BENCH_PROGRAM"] = str(Path(os.environ["AURA_BENCH_PROGRAM"]).resolve())
    os.environ.pop("AURA_BENCH_FRAMES", None)
    return aura_bench.program()


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """Its folders have names with spaces and accents: so do people's."""
    folder = tmp_path_factory.mktemp("ein Ordner für Läufe")
    runs, cache = folder / "runs", folder / "the cache"
    result = aura_bench.run(RECIPE, stand_in=True, seeds=[0, 1], out=runs, cache=cache, device="cpu", quiet=True, **SMALL)
    # The program looks there where nobody names a cache.
    previous = os.environ.get("AURA_BENCH_CACHE")
    os.environ["AURA_BENCH_CACHE"] = str(cache)
    yield Made(result, runs, cache)
    if previous is None:
        del os.environ["AURA_BENCH_CACHE"]
    else:
        os.environ["AURA_BENCH_CACHE"] = previous


@pytest.fixture(params=["polars", "pandas"])
def frames(request: pytest.FixtureRequest) -> Any:
    """Both libraries, one after the other."""
    return request.param


@pytest.fixture
def python(made: Made) -> Any:
    """Runs Python code in a process of its own and returns what came of it."""

    def run(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(PACKAGE), **variables}
        command = [sys.executable, "-c", code, str(made.runs)]
        return subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", timeout=60)

    return run
