# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy", "scikit-learn"]
# ///
"""Golden values for the views `reliability` and `calibration`: scikit-learn on drawn probabilities.

    python tests/peers/calibration/make.py > tests/peers/calibration/golden.json

The calibration error is the sum over scikit-learn's curve, as torchmetrics' `calibration_error` with 15 bins and norm l1 defines it.
Needs numpy, scikit-learn 1.7.
"""

import json
import sys

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

BINS = 15
rng = np.random.default_rng(15)


def rounded(values: np.ndarray) -> np.ndarray:
    """Multiples of 2^-12, which are the same numbers in single precision."""
    return np.round(np.asarray(values) * 4096) / 4096


def curve(labels: np.ndarray, given: np.ndarray) -> dict:
    """The curve, the samples of its bins, and the calibration error."""
    accuracy, confidence = calibration_curve(labels, given, n_bins=BINS, strategy="uniform")
    counts, _ = np.histogram(given, bins=BINS, range=(0, 1))
    counts = counts[counts > 0]
    return {
        "accuracy": accuracy.tolist(),
        "confidence": confidence.tolist(),
        "n": counts.tolist(),
        "ece": float((counts * np.abs(accuracy - confidence)).sum() / counts.sum()),
    }


n, classes = 250, 4
outputs = rng.dirichlet([0.4] * classes, size=n)
outputs = rounded(outputs)
# The largest takes what rounding left over.
outputs[np.arange(n), outputs.argmax(axis=1)] += 1 - outputs.sum(axis=1)
sure = outputs.argmax(axis=1)
labels = np.where(rng.random(n) < 0.6, sure, rng.integers(0, classes, size=n))
multi = {
    "outputs": outputs.tolist(),
    "labels": labels.tolist(),
    "brier": float(brier_score_loss(labels, outputs, scale_by_half=False, labels=list(range(classes)))),
    "curve": curve(sure == labels, outputs.max(axis=1)),
}

units = []
for share in (0.1, 0.5):
    probability = rounded(np.clip(rng.beta(0.6, 0.6 * (1 - share) / share, size=n), 0.001, 0.999))
    active = rng.random(n) < np.sqrt(probability) * share * 1.5
    units.append(
        {
            "outputs": probability.tolist(),
            "labels": active.astype(int).tolist(),
            "brier": float(brier_score_loss(active, probability)),
            "curve": curve(active, probability),
        }
    )
# A number on the edge of two bins is in the upper one here, in the lower one for scikit-learn.
for given in [outputs.max(axis=1), *(np.array(unit["outputs"]) for unit in units)]:
    assert not np.isclose(given * BINS, np.round(given * BINS)).any()
json.dump({"expression": multi, "action_units": units}, sys.stdout)
print()
