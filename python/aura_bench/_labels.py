"""Labels that deserve a second look."""

from __future__ import annotations

from ._frames import Frame, Library
from ._views import Runs, query


def labels_to_check(run: Runs, *, frames: Library | None = None) -> Frame:
    """Samples whose label contradicts the class of their archetype, the most doubtful first.

    This is the report's table "Labels that contradict their archetype", whole: candidates for a second look, not errors, as
    compound and mild expressions stand here too. One row a sample and class of its archetype: `run`, `sample_id`, `split`,
    `label`, `archetype_class`, `votes` of `seeds` that agree, `doubt` (from 0 to 1: how much more of the archetype's value lies
    on its own class than on the label, mean over the seeds), `similarity` (cosine) with the archetype, `margin` over the nearest
    one of the label's class, and on stand-ins whether the label was `flipped` on purpose.

    Only runs on expressions have such labels; others give no rows. `run` is a run folder, a folder of runs, or a list of them.
    Errors: as for `query`.
    """
    return query("SELECT * FROM label_issues ORDER BY run, doubt DESC, margin DESC NULLS LAST, sample_id", run, frames=frames)
