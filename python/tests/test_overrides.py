"""Keyword arguments as keys of a recipe."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import aura_bench
import pytest
from aura_bench._overrides import overrides
from conftest import RECIPE


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ({"train.epochs": 20}, ["train.epochs=20"]),
        ({"train__epochs": 20}, ["train.epochs=20"]),
        ({"train": {"epochs": 20, "lr": 1e-5}}, ["train.epochs=20", "train.lr=1e-05"]),
        ({"sweep": {"model.k_max": [50, 100]}}, ["sweep.model.k_max=[50, 100]"]),
        ({"a": {"b": {"c": True}}, "d": False}, ["a.b.c=true", "d=false"]),
        ({"a": [1.0, float("inf"), -float("inf"), float("nan")]}, ["a=[1.0, inf, -inf, nan]"]),
        ({"a": ("x", 'y"\\\n\x7f\x00'), "k_max": range(2)}, ['a=["x", "y\\"\\\\\\n\\u007f\\u0000"]', "k_max=[0, 1]"]),
        ({"a": {}}, ["a={}"]),
        # Names that need quotes cannot stand in a dotted key.
        ({"report": {"features": {"POSTER++": "p.parquet", "x": 1}}}, ['report.features={"POSTER++" = "p.parquet", x = 1}']),
        ({"points": [{"k_max": 1, "a b": "ü"}]}, ['points=[{k_max = 1, "a b" = "ü"}]']),
        ({"path": Path("a") / "b"}, [f'path="{Path("a") / "b"}"'.replace("\\", "\\\\")]),
    ],
)
def test_values_are_written_as_toml(keywords: dict[str, Any], expected: list[str]) -> None:
    assert overrides(keywords) == expected


def test_numbers_of_numpy_are_numbers() -> None:
    import numpy

    values = {"a": numpy.int32(3), "b": numpy.float64(0.5), "c": numpy.array([1, 2]), "d": numpy.bool_(True)}
    assert overrides(values) == ["a=3", "b=0.5", "c=[1, 2]", "d=true"]


def test_what_toml_cannot_hold_is_said_with_its_key() -> None:
    with pytest.raises(TypeError, match=r"train\.lr is None"):
        overrides({"train": {"lr": None}})
    with pytest.raises(TypeError, match=r"train\.lr is a object"):
        overrides({"train__lr": object()})
    with pytest.raises(ValueError, match="title is .* no text in UTF-8"):
        overrides({"title": "\ud800"})
    with pytest.raises(TypeError, match=r"model\.k_max is None"):
        aura_bench.run(RECIPE, stand_in=True, model__k_max=None)


def test_the_program_reads_what_was_meant() -> None:
    if sys.version_info < (3, 11):
        pytest.skip("no tomllib")
    import tomllib

    title = 'Ünïcode "quoted", back\\slash = [x] # no comment'
    keywords = {"title": title, "train": {"epochs": 7, "lr": 1e-5}, "model__k_max": 33, "protocol": {"seeds": [4, 5]}}
    keywords["protocol.classes"] = ["anger", "neutral"]
    sets = [argument for override in overrides(keywords) for argument in ("--set", override)]
    command = [aura_bench.program(), "validate", RECIPE, "--stand-in", "--resolved", *sets]
    resolved = tomllib.loads(subprocess.run(command, check=True, capture_output=True).stdout.decode("utf-8"))
    assert resolved["title"] == title
    assert (resolved["train"]["epochs"], resolved["train"]["lr"], resolved["model"]["k_max"]) == (7, 1e-5, 33)
    assert (resolved["protocol"]["seeds"], resolved["protocol"]["classes"]) == ([4, 5], ["anger", "neutral"])
