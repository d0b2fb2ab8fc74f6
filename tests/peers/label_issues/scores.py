# /// script
# requires-python = ">=3.11"
# dependencies = ["cleanlab==2.9.*", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy"]
# ///
"""Golden values for the views `label_doubts_va` and `label_doubts_au`: cleanlab on the outputs of two stand-in runs.

    aura-bench run recipes/affectnet_va.toml --stand-in --seeds 0
    aura-bench run recipes/emotionet.toml --stand-in --seeds 0
    python tests/peers/label_issues/scores.py runs/affectnet_va-XXXXXXXX runs/emotionet-XXXXXXXX > tests/peers/label_issues/scores.json

Needs pandas, pyarrow, scikit-learn, scipy, cleanlab 2.9.
"""

import json
import sys

import numpy as np
import pandas as pd
from cleanlab.internal.multilabel_utils import onehot2int
from cleanlab.multilabel_classification.filter import find_label_issues, find_multilabel_issues_per_class
from cleanlab.multilabel_classification.rank import get_label_quality_scores as of_units
from cleanlab.regression.rank import get_label_quality_scores as of_scores
from scipy.stats import median_abs_deviation
from sklearn.metrics import average_precision_score


def read(run: str, count: int) -> tuple[dict, np.ndarray, np.ndarray, np.ndarray]:
    """What a run says of its first test samples: the head of the golden values, targets, outputs, whether a label was flipped."""
    rows = pd.read_parquet(f"{run}/seed-0/predictions.parquet")
    rows = rows[(rows.method == "aura_mixture") & (rows.split == "test")].sort_values("sample_id")
    rows = rows[[all(v is not None and v == v for v in target) for target in rows.target]].head(count)
    flipped = pd.read_parquet(f"{run}/truth.parquet").set_index("sample_id").loc[rows.sample_id, "flipped"].to_numpy()
    targets, outputs = np.stack(rows.target), np.stack(rows.output)
    decimals = [[[float(str(v)) for v in row] for row in both] for both in (targets, outputs)]
    head = {
        "names": json.load(open(f"{run}/manifest.json"))["classes"],
        "sample_ids": rows.sample_id.tolist(),
        # The shortest decimals that are these single-precision numbers.
        "targets": decimals[0],
        "outputs": decimals[1],
        "flipped": flipped.tolist(),
    }
    return head, targets.astype(np.float64), outputs.astype(np.float64), flipped


def rounded(values: np.ndarray) -> list:
    return np.round(values, 9).tolist()


scores, targets, outputs, flipped = read(sys.argv[1], 160)
residuals = outputs - targets
middles = np.median(residuals, axis=0)
# scipy's normal scale is 1 / 0.67449, where the modified z-score has 0.6745.
z = 0.6745 * (residuals - middles) / median_abs_deviation(residuals, axis=0)
quality = np.stack([of_scores(targets[:, d], outputs[:, d], method="residual") for d in range(targets.shape[1])], axis=1)
scores |= {
    "quality": rounded(quality),
    "z": rounded(z),
    "average_precision": float(average_precision_score(flipped, np.abs(z).max(axis=1))),
}

units, targets, outputs, flipped = read(sys.argv[2], 150)
labels = onehot2int(targets.astype(int))
how = {"filter_by": "confident_learning"}
per_unit = find_multilabel_issues_per_class(labels, outputs, **how)
issues = find_label_issues(labels, outputs, **how)
assert (issues == per_unit.any(axis=1)).all()
quality = of_units(labels, outputs)
units |= {
    "sample_quality": rounded(quality),
    "issues": [np.flatnonzero(of_unit).tolist() for of_unit in per_unit.T],
    "precision": float((issues & flipped).sum() / issues.sum()),
    "recall": float((issues & flipped).sum() / flipped.sum()),
    "average_precision": float(average_precision_score(flipped, -quality)),
}
json.dump({"scores": scores, "units": units}, sys.stdout)
print()
