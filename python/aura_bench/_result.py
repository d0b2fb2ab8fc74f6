"""What a run came to."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import _labels, _program, _views
from ._features import features
from ._frames import Frame, Library
from ._program import PathLike

#: What a run on each task is judged by.
_PRIMARY = {"expression": "acc", "valence_arousal": "ccc_va", "action_units": "f1_avg"}


@dataclass(frozen=True)
class Score:
    """A metric over seeds, as a fraction; `sd` is None for a single seed."""

    mean: float
    sd: float | None
    seeds: tuple[float, ...]


@dataclass(frozen=True)
class Stage:
    """A stage of a run: seconds of this call by the clock, and whether everything was there already."""

    seconds: float
    cached: bool


@dataclass(frozen=True, repr=False, eq=False)
class RunResult:
    """A finished run or study. It can be given wherever a run folder is expected.

    `run_dir` is its folder (of a study: that of the report over all points), `report` the page, both absolute. `stand_in` is
    true if the faces were generated: the numbers then say nothing about the database. `scores` are AURA's metrics on the test
    split and those of its dictionary by name, `methods` those of every method. `points` are the runs of a study. `raw` is all
    that the program printed (`aura-bench schema run`).
    """

    run_dir: Path
    report: Path
    stand_in: bool
    scores: Mapping[str, Score]
    methods: Mapping[str, Mapping[str, Score]]
    stages: Mapping[str, Stage]
    points: tuple[RunResult, ...]
    raw: Mapping[str, Any]
    cache: PathLike | None = None

    @classmethod
    def of(cls, raw: Mapping[str, Any], cache: PathLike | None = None) -> RunResult:
        """Reads what `run --json` printed; `cache` is where the run was told to keep its features."""
        return cls(
            run_dir=_program.printed_path(raw["study_dir"] if "study_dir" in raw else raw["run_dir"]),
            report=_program.printed_path(raw["report"]),
            stand_in=raw["stand_in"],
            scores=_scores(raw.get("metrics", {})),
            methods={name: _scores(scores) for name, scores in raw.get("methods", {}).items()},
            stages={name: Stage(stage["seconds"], stage["cached"]) for name, stage in raw.get("stages", {}).items()},
            points=tuple(cls.of(point, cache) for point in raw.get("points", ())),
            raw=raw,
            # Absolute, as the current folder may change.
            cache=None if cache is None else os.path.abspath(os.path.expanduser(cache)),
        )

    @property
    def run_dirs(self) -> list[Path]:
        """The run folders: one, or those of the points of a study."""
        return [point.run_dir for point in self.points] or [self.run_dir]

    def __fspath__(self) -> str:
        return os.fspath(self.run_dir)

    def metrics(self, *, frames: Library | None = None) -> Frame:
        """As `aura_bench.metrics`, of this run."""
        return _views.metrics(self, frames=frames)

    def predictions(self, *, frames: Library | None = None) -> Frame:
        """As `aura_bench.predictions`, of this run."""
        return _views.predictions(self, frames=frames)

    def assignments(self, *, frames: Library | None = None) -> Frame:
        """As `aura_bench.assignments`, of this run."""
        return _views.assignments(self, frames=frames)

    def archetypes(self, *, frames: Library | None = None) -> Frame:
        """As `aura_bench.archetypes`, of this run."""
        return _views.archetypes(self, frames=frames)

    def labels_to_check(self, *, task: str | None = None, frames: Library | None = None) -> Frame:
        """As `aura_bench.labels_to_check`, of this run and its task; of a study, of the `task` that is named."""
        return _labels.labels_to_check(self, task=task or str(self.raw.get("task", "expression")), frames=frames)

    def features(self, *, tokens: bool = False, frames: Library | None = None) -> Frame:
        """As `aura_bench.features`, of this run; a study's points have features of their own."""
        return features(self, tokens=tokens, frames=frames)

    def query(self, sql: str, *, params: Mapping[str, Any] | None = None, frames: Library | None = None) -> Frame:
        """As `aura_bench.query`, of this run."""
        return _views.query(sql, self, params=params, frames=frames)

    def __repr__(self) -> str:
        metric = self._primary()
        score = self.scores.get(metric)
        what = f"{len(self.points)} points" if self.points else metric
        number = f" {_shown(score)}" if score else ""
        return f"<{'stand-in ' if self.stand_in else ''}run {self.run_dir.name}: {what}{number}, {self.run_dir}>"

    def _repr_html_(self) -> str:
        """The primary metric of every method, for notebooks."""
        metric = self._primary()
        rows = [(point.raw.get("label", point.run_dir.name), point.scores.get(metric)) for point in self.points] or [
            (name, scores.get(metric)) for name, scores in self.methods.items()
        ]
        body = "".join(f"<tr><td>{html.escape(str(name))}</td><td>{_shown(score)}</td></tr>" for name, score in rows if score)
        marked = " (generated faces: these numbers say nothing about the database)" if self.stand_in else ""
        return (
            f"<p>{html.escape(self.run_dir.name)}{marked}</p>"
            f"<table><tr><th>{'point' if self.points else 'method'}</th><th>{html.escape(metric)}</th></tr>{body}</table>"
        )

    def _primary(self) -> str:
        of = self.points[0].raw if self.points else self.raw
        return _PRIMARY.get(of.get("task", ""), "")


def _scores(raw: Mapping[str, Any]) -> dict[str, Score]:
    return {name: Score(score["mean"], score["sd"], tuple(score["seeds"])) for name, score in raw.items()}


def _shown(score: Score) -> str:
    return f"{score.mean:.3f}" if score.sd is None else f"{score.mean:.3f} ± {score.sd:.3f}"
