"""Labels that deserve a second look."""

from __future__ import annotations

from ._frames import Frame, Library
from ._views import Runs, query

# The report's tables, whole: the view of each task, and what stands first.
_TABLES = {
    "expression": ("label_issues", "doubt DESC, margin DESC NULLS LAST, sample_id"),
    "valence_arousal": ("label_issues_va", "abs(z) DESC, sample_id, dimension, split"),
    "action_units": ("label_issues_au", "votes DESC, quality, sample_id, unit, split"),
}


def labels_to_check(run: Runs, *, task: str = "expression", frames: Library | None = None) -> Frame:
    """Samples whose label the model contradicts, the most doubtful first: the report's tables of labels, whole.

    Candidates for a second look, not errors, as compound and mild expressions stand here too. Each task has a table of its own:

    "expression": labels that contradict the class of their archetype, one row a sample and class of its archetype: `run`,
    `sample_id`, `split`, `label`, `archetype_class`, `votes` of `seeds` that agree, `doubt` (from 0 to 1: how much more of the
    archetype's value lies on its own class than on the label, mean over the seeds), `similarity` (cosine) with the archetype,
    `margin` over the nearest one of the label's class.

    "valence_arousal": labels far from the output, one row a sample and dimension: `run`, `sample_id`, `split`, `dimension`,
    `label`, `output`, `votes` of `seeds`, `quality` (exp of minus their distance), `z` (modified z-score of output less label),
    and on stand-ins the value that was `drawn`.

    "action_units": labels that confident learning doubts, one row a sample and unit: `run`, `sample_id`, `split`, `unit`, `label`
    (0 or 1), `output`, `votes` of `seeds`, `quality` (the output of the label that was given), `sample_quality`.

    On stand-ins all say whether a label was `flipped` on purpose. Runs on another task give no rows. `run` is a run folder, a
    folder of runs, or a list of them. Raises `ValueError` for another `task`; other errors: as for `query`.
    """
    if task not in _TABLES:
        raise ValueError(f"task: expected one of {', '.join(_TABLES)}, found {task!r}")
    view, order = _TABLES[task]
    return query(f"SELECT * FROM {view} ORDER BY run, {order}", run, frames=frames)
