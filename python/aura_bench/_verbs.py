"""Verbs of the program that answer with JSON."""

from __future__ import annotations

import json
from typing import Any

from . import _program
from ._errors import CheckFailed
from ._program import PathLike
from ._views import Runs, folders


def check(runs: Runs, baseline: PathLike | None = None) -> dict[str, Any]:
    """Holds runs against a baseline (a file, or a run folder), and against what their recipes expect: a verdict for every number.

    Returns what was found, as `aura-bench schema check` describes it. Raises `CheckFailed` if a number failed, with the same as
    its `report`; `DataError` for runs or a baseline that cannot be read.
    """
    arguments: list[_program.Argument] = ["check", "--json", "--quiet"]
    if baseline is not None:
        arguments.append(b"--baseline=" + _program.path(baseline))
    arguments.extend(["--", *(_program.path(folder) for folder in folders(runs))])
    try:
        return _object(_program.call(arguments))
    except CheckFailed as error:
        error.report = _object(error.__dict__["printed"])
        raise


def explain(
    run: PathLike,
    sample: str,
    *,
    seed: int | None = None,
    top: int | None = None,
    images: int | None = None,
    data: PathLike | None = None,
) -> dict[str, Any]:
    """Why a sample is predicted as it is: its nearest archetypes, their similarities, and the images that support them.

    `seed` is the one whose archetypes are shown (default: the first), `top` how many of them (5), `images` how many images each
    (8), `data` where images lie if not where the run found them. Returns what `aura-bench schema explain` describes. Raises
    `UsageError` for a sample that the run does not have, `DataError` for a run that cannot be read.
    """
    arguments: list[_program.Argument] = ["explain", "--json", "--quiet"]
    for option, value in (("seed", seed), ("top", top), ("images", images)):
        if value is not None:
            arguments.append(f"--{option}={int(value)}")
    if data is not None:
        arguments.append(b"--data=" + _program.path(data))
    arguments.extend(["--", _program.path(run), _program.text(sample)])
    return _object(_program.call(arguments))


def _object(printed: bytes) -> dict[str, Any]:
    found = json.loads(printed)
    assert isinstance(found, dict)
    return found
