"""Which library's frames are handed out, and how a Parquet file becomes one."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from typing import Any, Literal

from ._program import PathLike

#: A polars or a pandas DataFrame. Which one is known when the program runs, so checkers take it as they find it.
Frame = Any
#: The libraries, in the order in which they are looked for.
Library = Literal["polars", "pandas"]

#: Says which library, where the call does not.
VARIABLE = "AURA_BENCH_FRAMES"
_LIBRARIES: tuple[Library, ...] = ("polars", "pandas")
_NEEDS = {"polars": ("polars",), "pandas": ("pandas", "pyarrow")}
_INSTALL = 'install one with `pip install "aura-bench[polars]"` or `pip install "aura-bench[pandas]"`'

_chosen: Library | None = None


def set_frames(frames: Library | None) -> None:
    """Chooses whose frames are handed out from now on: "polars", "pandas", or None for whichever is installed.

    An argument `frames` and the environment variable `AURA_BENCH_FRAMES` come before it. Raises `ValueError` for another name.
    """
    global _chosen
    _chosen = None if frames is None else _library(frames, "frames")


def choose(frames: Library | None) -> Library:
    """The library for a call. Raises `ImportError` if it (or any) is not installed, `ValueError` for an unknown name."""
    if frames is not None:
        asked: Library | None = _library(frames, "frames")
    elif os.environ.get(VARIABLE):
        asked = _library(os.environ[VARIABLE], VARIABLE)
    else:
        asked = _chosen
    if asked is None:
        for library in _LIBRARIES:
            if not _missing(library):
                return library
        raise ImportError(f"Frames need polars, or pandas with pyarrow, and neither is here: {_INSTALL}.")
    missing = _missing(asked)
    if missing:
        raise ImportError(
            f'Frames of {asked} need {" and ".join(missing)}, not installed here: `pip install "aura-bench[{asked}]"`.'
        )
    return asked


def _library(name: str, where: str) -> Library:
    for library in _LIBRARIES:
        if name == library:
            return library
    raise ValueError(f"{where} is {name!r}; expected polars or pandas.")


def _missing(library: Library) -> list[str]:
    return [module for module in _NEEDS[library] if not _is_there(module)]


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ValueError:
        # Half imported, as after a failed import.
        return False


def read(file: PathLike, library: Library) -> Frame:
    """The rows of one Parquet file. Column types depend on the file's columns alone, not on its rows."""
    if library == "polars":
        import polars

        return polars.read_parquet(os.fspath(file))
    import pyarrow.parquet

    return _to_pandas(pyarrow.parquet.read_table(os.fspath(file)))


def read_vectors(files: Sequence[PathLike], names: Sequence[str], vectors: Sequence[str], library: Library) -> Frame:
    """The columns `names` and `vectors` of several files with the same columns, one after the other.

    A vector is a list of a fixed number of values, stored as f16 or f32 and handed out as f32, which holds both exactly: an
    array column of polars, and a NumPy array a row in pandas, each of them a row of one matrix.
    """
    paths = [os.fspath(file) for file in files]
    if library == "polars":
        import polars

        frame = polars.read_parquet(paths, columns=[*names, *vectors])
        return frame.with_columns(polars.col(name).cast(_array(frame.schema[name])) for name in vectors)
    import numpy
    import pandas
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.concat_tables(pyarrow.parquet.read_table(path, columns=[*names, *vectors]) for path in paths)
    frame = _to_pandas(table.select(list(names)))
    columns = {}
    for name in vectors:
        matrix = numpy.empty((table.num_rows, table.schema.field(name).type.list_size), dtype=numpy.float32)
        start = 0
        for chunk in table.column(name).chunks:
            values = chunk.flatten().to_numpy(zero_copy_only=False)
            matrix[start : start + len(chunk)] = values.reshape(len(chunk), -1)
            start += len(chunk)
        columns[name] = pandas.Series(list(matrix), index=frame.index, dtype=object)
    return frame.assign(**columns)


def _array(found: Any) -> Any:
    import polars

    # Versions of polars differ in whether the number of values is part of a column's type.
    width: int | None = getattr(found, "size", None)
    return polars.List(polars.Float32) if width is None else polars.Array(polars.Float32, width)


def _to_pandas(table: Any) -> Frame:
    import pandas
    import pyarrow

    # Of whole numbers and booleans with gaps pandas makes floats and objects; its own types with gaps keep what they are.
    kept = {
        pyarrow.bool_(): pandas.BooleanDtype(),
        pyarrow.int8(): pandas.Int8Dtype(),
        pyarrow.int16(): pandas.Int16Dtype(),
        pyarrow.int32(): pandas.Int32Dtype(),
        pyarrow.int64(): pandas.Int64Dtype(),
        pyarrow.uint8(): pandas.UInt8Dtype(),
        pyarrow.uint16(): pandas.UInt16Dtype(),
        pyarrow.uint32(): pandas.UInt32Dtype(),
        pyarrow.uint64(): pandas.UInt64Dtype(),
    }
    return table.to_pandas(types_mapper=kept.get)
