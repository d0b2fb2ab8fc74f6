"""Which library's frames are handed out."""

from __future__ import annotations

from typing import Any

import aura_bench
import pytest
from conftest import Made

WITHOUT = "import sys\nfor module in {modules!r}: sys.modules[module] = None\nimport aura_bench\n"
ASK = "try:\n    print(type(aura_bench.runs(sys.argv[1])).__module__)\nexcept ImportError as error:\n    print(error)\n"


def library(frame: Any) -> str:
    return type(frame).__module__.split(".")[0]


def test_the_argument_comes_before_the_variable_and_that_before_the_setting(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    assert library(aura_bench.runs(made.runs)) == "polars"
    try:
        aura_bench.set_frames("pandas")
        assert library(aura_bench.runs(made.runs)) == "pandas"
        monkeypatch.setenv("AURA_BENCH_FRAMES", "polars")
        assert library(aura_bench.runs(made.runs)) == "polars"
        assert library(aura_bench.runs(made.runs, frames="pandas")) == "pandas"
        monkeypatch.setenv("AURA_BENCH_FRAMES", "arrow")
        with pytest.raises(ValueError, match="AURA_BENCH_FRAMES is 'arrow'; expected polars or pandas"):
            aura_bench.runs(made.runs)
    finally:
        aura_bench.set_frames(None)
    wrong: Any = "spark"
    with pytest.raises(ValueError, match="frames is 'spark'"):
        aura_bench.set_frames(wrong)


def test_pandas_is_taken_where_it_is_alone(python: Any) -> None:
    assert python(WITHOUT.format(modules=["polars"]) + ASK).stdout.startswith("pandas")


def test_without_either_it_says_what_to_install(python: Any) -> None:
    # pandas without pyarrow reads no Parquet.
    for modules in (["polars", "pandas"], ["polars", "pyarrow"]):
        said = python(WITHOUT.format(modules=modules) + ASK).stdout
        assert 'pip install "aura-bench[polars]"' in said and said.count("\n") == 1
    said = python(WITHOUT.format(modules=["pyarrow"]) + "aura_bench.set_frames('pandas')\n" + ASK).stdout
    assert said == 'Frames of pandas need pyarrow, not installed here: `pip install "aura-bench[pandas]"`.\n'


def test_importing_brings_neither_library(python: Any) -> None:
    code = "import aura_bench, sys; print({'polars', 'pandas', 'pyarrow', 'numpy'} & set(sys.modules))"
    assert python(code).stdout == "set()\n"
