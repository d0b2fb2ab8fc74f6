"""Runs of recipes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from . import _program
from ._overrides import overrides
from ._program import PathLike
from ._result import RunResult


def run(
    recipe: PathLike,
    *,
    stand_in: bool = False,
    data: PathLike | None = None,
    seeds: Iterable[int] | int | None = None,
    out: PathLike = "runs",
    cache: PathLike | None = None,
    device: str | None = None,
    quiet: bool = False,
    **keys: Any,
) -> RunResult:
    """Runs a recipe: convert, extract, train, evaluate, statistics, report; what is there already is not done again.

    `recipe` is the path of a recipe. `stand_in` draws faces whose truth is known instead of reading the database, which lies in
    `data` (default: where the recipe says). `seeds` replace the recipe's. Run folders are written below `out`, what runs share
    below `cache`. `device` is "auto", "cpu", "cuda" or "cuda:N". Progress goes to `sys.stderr` unless `quiet`.

    Every other keyword sets a key of the recipe; these three are the same, and `aura-bench schema recipe` lists the keys:

        run("recipes/rafdb.toml", train={"epochs": 20})
        run("recipes/rafdb.toml", train__epochs=20)
        run("recipes/rafdb.toml", **{"train.epochs": 20})

    The recipe's own section `stand_in` is written in the second or third way: `stand_in__samples=200`.

    Ctrl-C, or the interruption of a notebook's cell, stops the run at its next checkpoint and raises `KeyboardInterrupt`; the
    same call continues it. A second one ends it where it stands. If Python itself ends, so does the run.

    Raises `UsageError` (the recipe or a key is wrong), `DataError` (the database is missing or unusable), `DeviceError`;
    `TypeError` for a value that a recipe cannot hold.
    """
    arguments: list[_program.Argument] = ["run", "--json", "--with-parent"]
    if stand_in:
        arguments.append("--stand-in")
    if quiet:
        arguments.append("--quiet")
    if seeds is not None:
        listed = seeds if isinstance(seeds, Iterable) else [seeds]
        arguments.append("--seeds=" + ",".join(str(int(seed)) for seed in listed))
    for option, place in (("data", data), ("out", out), ("cache", cache)):
        if place is not None:
            arguments.append(f"--{option}=".encode() + _program.path(place))
    if device is not None:
        arguments.append(_program.text(f"--device={device}"))
    arguments.extend(_program.text(f"--set={override}") for override in overrides(keys))
    arguments.extend(["--", _program.path(recipe)])
    printed = _program.call(arguments, show=not quiet, stop_with_us=True)
    return RunResult.of(json.loads(printed), cache)
