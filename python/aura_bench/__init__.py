"""AURA's benchmarks from Python: run a recipe, and read what runs left behind as frames.

    import aura_bench

    result = aura_bench.run("recipes/rafdb.toml", stand_in=True)
    result.metrics()

Everything is done by the program `aura-bench`, which the wheel brings along. Frames are those of polars or of pandas, whichever
is installed; see `set_frames`.
"""

from importlib.metadata import PackageNotFoundError, version

from ._errors import AuraBenchError, CheckFailed, DataError, DeviceError, ProgramNotFound, UsageError
from ._features import features
from ._frames import set_frames
from ._labels import labels_to_check
from ._predict import predict
from ._program import program
from ._result import RunResult, Score, Stage
from ._run import run
from ._score import score
from ._verbs import check, explain
from ._views import archetypes, assignments, metrics, predictions, query, runs

try:
    __version__ = version("aura-bench")
except PackageNotFoundError:
    # Imported from a checkout that was not installed.
    __version__ = "0+unknown"

__all__ = [
    "AuraBenchError",
    "CheckFailed",
    "DataError",
    "DeviceError",
    "ProgramNotFound",
    "RunResult",
    "Score",
    "Stage",
    "UsageError",
    "archetypes",
    "assignments",
    "check",
    "explain",
    "features",
    "labels_to_check",
    "metrics",
    "predict",
    "predictions",
    "program",
    "query",
    "run",
    "runs",
    "score",
    "set_frames",
]
