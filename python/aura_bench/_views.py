"""The views of the program's SQL as frames."""

from __future__ import annotations

import numbers
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any, Union

from . import _frames, _program
from ._frames import Frame, Library
from ._program import PathLike

#: A run folder, a folder of runs, the result of `run`, or several of these.
Runs = Union[PathLike, Sequence[PathLike]]


def runs(runs: Runs = "runs", *, frames: Library | None = None) -> Frame:
    """One row a run: database, task, encoder, classes, seeds, digests, where it lies (`path`).

    `runs` is a run folder, a folder of runs, or a list of them. Columns: docs/tables.md, as for all views. Folders without runs
    give a frame without rows.

    Raises `DataError` if a folder is not there or a file in it is damaged.
    """
    return query("SELECT * FROM runs ORDER BY run", runs, frames=frames)


def metrics(runs: Runs = "runs", *, frames: Library | None = None) -> Frame:
    """One row a number: `run`, `fold`, `seed`, `method`, `split`, `epoch`, `metric`, `value`, `low`, `high`, `n`.

    Values are fractions, never per cent; `low` and `high` bound the 95 % interval of this seed's value. `epoch` is null for final
    values. `runs` and errors: as for `runs`.
    """
    return query("SELECT * FROM metrics", runs, frames=frames)


def predictions(runs: Runs = "runs", *, frames: Library | None = None) -> Frame:
    """One row a sample, method and seed: `label`, `prediction` and `correct` (expressions), `target` and `output` (lists).

    Classes are counted from 0; a list has a value a class, a dimension or an action unit. `runs` and errors: as for `runs`.
    """
    return query("SELECT * FROM predictions", runs, frames=frames)


def assignments(runs: Runs = "runs", *, frames: Library | None = None) -> Frame:
    """One row a sample and seed: the nearest `archetype`, its cosine `similarity`, the `second`, and the nearest ones as lists.

    `runs` and errors: as for `runs`.
    """
    return query("SELECT * FROM assignments", runs, frames=frames)


def archetypes(runs: Runs = "runs", *, frames: Library | None = None) -> Frame:
    """One row an archetype and seed: whether it is kept (`active`), `uses`, `label_name`, `value`, `embedding` (a unit vector).

    `runs` and errors: as for `runs`.
    """
    return query("SELECT * FROM archetypes", runs, frames=frames)


def query(sql: str, runs: Runs = "runs", *, params: Mapping[str, Any] | None = None, frames: Library | None = None) -> Frame:
    """The rows of one SQL query over runs, with the types of its columns.

    `params` are values for `$name` in the query: None, bool, int, float or str. The program checks the digests of the tables that
    it reads. `frames` is "polars" or "pandas"; see `set_frames`.

    Raises `UsageError` for SQL that cannot be asked, `DataError` for folders and files that cannot be read, `ImportError` where
    neither library is installed.
    """
    library = _frames.choose(frames)
    arguments: list[_program.Argument] = ["query", "--quiet", "--file", "-", "--format", "parquet"]
    for folder in folders(runs):
        arguments.append(b"--runs=" + _program.path(folder))
    for name, value in (params or {}).items():
        arguments.append(_program.text(f"--param={name}{_typed(name, value)}"))
    # Rows go through a file and not through a pipe: it has their types, and is read once.
    scratch = tempfile.mkdtemp(prefix="aura-bench-")
    try:
        file = os.path.join(scratch, "rows.parquet")
        arguments.append(b"--out=" + _program.path(file))
        # Not as an argument: systems limit the length of one.
        _program.call(arguments, stdin=sql.encode("utf-8"))
        return _frames.read(file, library)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def folders(runs: Runs) -> list[PathLike]:
    """The folders that an argument `runs` names. Raises `ValueError` if it names none."""
    below: Sequence[PathLike] | None = getattr(runs, "run_dirs", None)
    if below is not None:
        return list(below)
    if isinstance(runs, (str, os.PathLike)):
        return [runs]
    found = [folder for each in runs for folder in folders(each)]
    if not found:
        raise ValueError("runs is an empty list; expected a run folder, a folder of runs, or several.")
    return found


def _typed(name: str, value: Any) -> str:
    """A parameter's type and value, as `--param NAME:TYPE=VALUE` writes them."""
    # Scalars of NumPy.
    value = value.item() if hasattr(value, "item") else value
    if value is None:
        return "=null"
    if isinstance(value, bool):
        return f":bool={str(value).lower()}"
    if isinstance(value, numbers.Integral):
        return f":int={int(value)}"
    if isinstance(value, numbers.Real):
        return f":float={float(value)!r}"
    if isinstance(value, str):
        return f":text={value}"
    raise TypeError(f"the parameter {name} is a {type(value).__name__}; expected None, bool, int, float or str.")
