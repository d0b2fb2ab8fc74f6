"""Predictions of other tools under a recipe's protocol."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from . import _program
from ._overrides import overrides
from ._program import PathLike


def score(
    recipe: PathLike,
    predictions: Any,
    *,
    tool: str | None = None,
    columns: Mapping[str, str] | None = None,
    stand_in: bool = False,
    data: PathLike | None = None,
    out: PathLike = "runs",
    cache: PathLike | None = None,
    **keys: Any,
) -> dict[str, Any]:
    """Scores the predictions of a tool on the test samples of a recipe, and leaves a run folder like any other.

    `predictions` is the path of a file or folder, a list of them, or a frame of polars or pandas with one row a prediction.
    `tool` names who made them: one that the program knows (`py-feat`, `openface2`, …), the path of a mapping, or any other name.
    `columns` says what columns mean, as `{"happiness": "Happy", "image": "file"}`. `stand_in`, `data`, `out`, `cache` and all
    other keywords are as in `run`; `protocol={"missing": "wrong"}` and `score={"range": [1, 9]}` set keys of the recipe.

    Returns what `aura-bench schema score` describes, among it `run_dir`, `metrics` and `warnings`. Raises `UsageError` (the
    recipe or a key is wrong) and `DataError` (the database or the predictions are missing or unusable).
    """
    if hasattr(predictions, "write_parquet") or hasattr(predictions, "to_parquet"):
        with tempfile.TemporaryDirectory() as folder:
            # The file's name is that of the tool, where nobody names one.
            path = Path(folder) / "predictions.parquet"
            if hasattr(predictions, "write_parquet"):
                predictions.write_parquet(path)
            else:
                predictions.to_parquet(path, index=False)
            return score(
                recipe,
                path,
                tool=tool,
                columns=columns,
                stand_in=stand_in,
                data=data,
                out=out,
                cache=cache,
                **keys,
            )
    single = isinstance(predictions, (str, bytes)) or not isinstance(predictions, Iterable)
    files: Iterable[Any] = [predictions] if single else predictions
    arguments: list[_program.Argument] = ["score", "--json", "--quiet"]
    if stand_in:
        arguments.append("--stand-in")
    if tool is not None:
        arguments.append(_program.text(f"--tool={tool}"))
    for meaning, column in (columns or {}).items():
        arguments.append(_program.text(f"--map={meaning}={column}"))
    for option, place in (("data", data), ("out", out), ("cache", cache)):
        if place is not None:
            arguments.append(f"--{option}=".encode() + _program.path(place))
    arguments.extend(_program.text(f"--set={override}") for override in overrides(keys))
    arguments.extend(["--", _program.path(recipe), *(_program.path(file) for file in files)])
    found = json.loads(_program.call(arguments))
    assert isinstance(found, dict)
    return found
