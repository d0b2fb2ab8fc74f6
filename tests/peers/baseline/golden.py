# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy>=2,<3", "scikit-learn==1.9.1"]
# ///
"""Golden results of scikit-learn for `src/rival/` on a public feature set.

    python tests/peers/baseline/golden.py tests/peers/baseline

Writes `digits.csv` (500 of the 1,797 images of the UCI optical digits that scikit-learn ships: class, 64 pixel counts) and
`golden.json`. The first 350 rows are the training split. Made with numpy 2, scikit-learn 1.9.1.
"""

import json
import sys
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, NearestCentroid
from sklearn.preprocessing import StandardScaler

out = Path(sys.argv[1])
pixels, label = load_digits(return_X_y=True)
rows = np.random.default_rng(7).permutation(len(label))[:500]
pixels, label = pixels[rows].astype(int), label[rows]
with open(out / "digits.csv", "w") as f:
    for y, x in zip(label, pixels):
        f.write(",".join(map(str, [y, *x])) + "\n")

train, test = slice(0, 350), slice(350, 500)
# float32, because that is what a feature table holds.
scaler = StandardScaler().fit(pixels[train])
x = scaler.transform(pixels)
# What is constant in training says nothing elsewhere; scikit-learn would only centre it.
x[:, scaler.var_ == 0] = 0
golden = {"c": 0.1, "k": 20}


def short(values):
    return [round(float(v), 7) for v in np.asarray(values).ravel()]


# Expression: ten classes.
model = LogisticRegression(C=0.1, tol=1e-9, max_iter=5000).fit(x[train], label[train])
golden["logistic"] = short(model.predict_proba(x[test]))
golden["knn"] = short(
    KNeighborsClassifier(20, weights="distance", metric="cosine").fit(x[train], label[train]).predict_proba(x[test])
)
golden["class_means"] = NearestCentroid().fit(x[train], label[train]).predict(x[test]).tolist()
start = list(range(0, 60, 3))
kmeans = KMeans(len(start), init=x[train][start], n_init=1, max_iter=25, tol=0).fit(x[train])
golden["kmeans_start"] = start
golden["kmeans_inertia"] = float(kmeans.inertia_)
# The objective at the start and after each step.
to_start = ((x[train][:, None] - x[train][start]) ** 2).sum(2).min(1).sum()
path = [KMeans(len(start), init=x[train][start], n_init=1, max_iter=t, tol=0).fit(x[train]).inertia_ for t in range(1, 26)]
golden["kmeans_path"] = [float(v) for v in [to_start, *path]]
golden["kmeans_best"] = float(KMeans(20, n_init=20, max_iter=25, random_state=0).fit(x[train]).inertia_)

# Valence and arousal: the centre of gravity of each image, brought to [-1, 1].
grid = np.arange(8) - 3.5
mass = pixels.sum(1)
score = np.stack(
    [(pixels.reshape(-1, 8, 8).sum(1) @ grid) / mass, (pixels.reshape(-1, 8, 8).sum(2) @ grid) / mass], 1
).astype(np.float32)
golden["score"] = [float(str(v)) for v in score.ravel()]
golden["ridge"] = short(np.clip(Ridge(alpha=10.0).fit(x[train], score[train]).predict(x[test]), -1, 1))
golden["knn_score"] = short(
    KNeighborsRegressor(20, weights="distance", metric="cosine").fit(x[train], score[train]).predict(x[test])
)

# Action units: has a loop, is even, is above five; every seventh label unknown, at a different place in each column.
units = np.stack([np.isin(label, [0, 6, 8, 9]), label % 2 == 0, label > 5], 1)
known = np.stack([(np.arange(500) + s) % 7 != 0 for s in (0, 2, 5)], 1)
golden["units"], golden["known"] = units.ravel().tolist(), known.ravel().tolist()
probability = np.zeros((150, 3))
for a in range(3):
    k = known[train, a]
    m = LogisticRegression(C=0.1, tol=1e-9, max_iter=5000).fit(x[train][k], units[train][k, a])
    probability[:, a] = m.predict_proba(x[test])[:, 1]
golden["one_vs_rest"] = short(probability)

(out / "golden.json").write_text(json.dumps(golden, separators=(",", ":")))
