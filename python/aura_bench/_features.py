"""Feature tables."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from . import _frames, _program
from ._errors import DataError
from ._frames import Frame, Library
from ._program import PathLike

_PART = re.compile(r"part-\d{5,}\.parquet")
#: Stages that leave a feature table in the cache, under a name that ends with the first digits of their digest.
_STAGES = ("extract", "import")
_DIGITS = 16
_EXIT_CODE = 3


def features(
    path_or_run: PathLike, *, tokens: bool = False, cache: PathLike | None = None, frames: Library | None = None
) -> Frame:
    """The features of a run's samples, or a feature table: `sample_id` and `global`, a vector of D values (f32).

    With `tokens` also the patch tokens, M·D' values, token after token. `path_or_run` is a run folder or the result of `run`,
    whose table is looked for in `cache` (default: the program's, `AURA_BENCH_CACHE` or ~/.cache/aura-bench) and checked against
    its digests; or the folder of a table, as `aura-bench extract` writes it, which is read as it is. In polars a vector is an
    array (`frame["global"].to_numpy()` is the N × D matrix), in pandas a NumPy array a row (`numpy.stack(frame["global"])`).
    Everything is held in memory: N · D · 4 bytes.

    Raises `DataError` if there is no such table, it is damaged, or it has no tokens and they were asked for.
    """
    library = _frames.choose(frames)
    folder = Path(os.path.expanduser(path_or_run))
    if cache is None:
        cache = getattr(path_or_run, "cache", None)
    if (folder / "manifest.json").is_file():
        folder = _of_run(folder, cache)
    # Features that were made elsewhere lie beside their samples, a folder deeper.
    parts = _parts(folder) or _parts(folder / "features")
    if not parts:
        raise DataError(f"{folder} is neither a run folder nor the folder of a feature table.", _EXIT_CODE)
    columns = ["global"]
    if tokens:
        if not _has_tokens(parts[0], library):
            raise DataError(f"{folder} has no tokens: the recipe did not keep them (features.tokens).", _EXIT_CODE)
        columns.append("tokens")
    return _frames.read_vectors(parts, ["sample_id"], columns, library)


def _parts(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(file for file in folder.iterdir() if _PART.fullmatch(file.name))


def _of_run(run: Path, cache: PathLike | None) -> Path:
    """The table in the cache that a run was made from, checked against its digests."""
    place = [b"--cache=" + _program.path(cache)] if cache is not None else []
    place.append(b"--runs=" + _program.path(run))
    listed = json.loads(_program.call(["cache", "ls", "--json", "--quiet", *place]))
    stages = json.loads((run / "manifest.json").read_text(encoding="utf-8"))["stages"]
    digests = [stage["digest"] for stage in stages if stage["name"] in _STAGES and stage.get("digest")]
    for entry in listed["entries"]:
        if entry["kind"] == "features" and any(entry["name"].endswith("-" + digest[:_DIGITS]) for digest in digests):
            _verify(entry["name"], place)
            return _program.printed_path(f"{listed['cache']}/{entry['name']}")
    raise DataError(
        f"the features of {run} are not in the cache {listed['cache']}: name the one that it was made with, cache=DIR, "
        "or run its recipe again.",
        _EXIT_CODE,
    )


def _verify(name: str, place: list[bytes]) -> None:
    try:
        _program.call(["cache", "verify", "--quiet", *place, "--", _program.text(name)])
    except DataError as error:
        # Which file it is stands in the list that was printed.
        listed = error.__dict__["printed"].decode("utf-8", "replace").strip()
        raise DataError(f"{listed}\n{error}", error.exit_code) from None


def _has_tokens(part: Path, library: Library) -> bool:
    if library == "polars":
        import polars

        return "tokens" in polars.read_parquet_schema(part)
    import pyarrow.parquet

    return "tokens" in pyarrow.parquet.read_schema(part).names
