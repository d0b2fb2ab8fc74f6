# /// script
# requires-python = ">=3.11"
# dependencies = ["fairlearn==0.15.*", "numpy", "scikit-learn", "scipy"]
# ///
"""Golden values for metrics by group: fairlearn's MetricFrame, and scipy's bootstrap of the largest gap.

    python tests/peers/subgroup/make.py > tests/peers/subgroup/golden.json

Needs numpy, scikit-learn, scipy, fairlearn 0.15.
"""

import json
import sys

import numpy as np
from fairlearn.metrics import MetricFrame
from scipy.stats import bootstrap
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, recall_score, root_mean_squared_error

rng = np.random.default_rng(20261129)
n = 300
groups = rng.choice(["dark", "light", "medium"], size=n, p=[0.2, 0.5, 0.3])
labels = rng.integers(0, 3, size=n)
right = rng.random(n) < np.select([groups == "dark", groups == "light"], [0.6, 0.9], 0.75)
predictions = np.where(right, labels, (labels + rng.integers(1, 3, size=n)) % 3)

metrics = {
    "acc": accuracy_score,
    "balanced_acc": balanced_accuracy_score,
    "f1_macro": lambda y, p: f1_score(y, p, average="macro"),
    "recall_b": lambda y, p: recall_score(y, p, labels=[1], average=None)[0],
}
frame = MetricFrame(metrics=metrics, y_true=labels, y_pred=predictions, sensitive_features=groups)

# Half-precision values, so that they are the same numbers everywhere.
scores = rng.uniform(-1, 1, size=n).astype(np.float16)
outputs = np.clip(scores + 0.3 * rng.standard_normal(n), -1, 1).astype(np.float16)
rmse = MetricFrame(
    metrics=root_mean_squared_error,
    y_true=scores.astype(np.float64),
    y_pred=outputs.astype(np.float64),
    sensitive_features=groups,
)

hits = [(predictions == labels)[groups == name].astype(float) for name in sorted(set(groups))]


def gap(*samples: np.ndarray, axis: int = -1) -> np.ndarray:
    means = np.stack([sample.mean(axis=axis) for sample in samples])
    return means.max(axis=0) - means.min(axis=0)


interval = bootstrap(hits, gap, n_resamples=99_999, batch=2_000, method="BCa", vectorized=True, rng=rng).confidence_interval
json.dump(
    {
        "groups": groups.tolist(),
        "labels": labels.tolist(),
        "predictions": predictions.tolist(),
        "scores": scores.astype(float).tolist(),
        "outputs": outputs.astype(float).tolist(),
        "by_group": {metric: frame.by_group[metric].to_dict() for metric in metrics},
        "difference": {metric: float(frame.difference()[metric]) for metric in metrics},
        "rmse": {"by_group": rmse.by_group.to_dict(), "difference": float(rmse.difference())},
        "interval": [float(interval.low), float(interval.high)],
    },
    sys.stdout,
)
print()
