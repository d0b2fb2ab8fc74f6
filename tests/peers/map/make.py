# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy", "scikit-learn==1.9.1", "umap-learn==0.5.12"]
# ///
"""Golden values for src/map and src/metric/separability.rs: umap-learn and scikit-learn on 240 handwritten digits.

    python tests/peers/map/make.py > tests/peers/map/golden.json

Made with umap-learn 0.5.12, scikit-learn 1.9.1.
"""

import json
import sys
import warnings

import numpy as np
import umap
from sklearn.datasets import load_digits
from sklearn.manifold import trustworthiness
from sklearn.metrics import silhouette_score
from sklearn.neighbors import NearestNeighbors
from umap.umap_ import find_ab_params, fuzzy_simplicial_set

warnings.filterwarnings("ignore")
digits = load_digits()
points, labels = digits.data[:240], digits.target[:240]
k = 15


def purity(points, metric):
    near = NearestNeighbors(n_neighbors=k, metric=metric).fit(points).kneighbors(return_distance=False)
    return float((labels[near] == labels[:, None]).mean())


graph, _, _ = fuzzy_simplicial_set(points.astype(np.float32), k, np.random.RandomState(0), "cosine")
graph = graph.tocoo()
maps = [
    umap.UMAP(n_neighbors=k, min_dist=0.1, metric="cosine", random_state=seed).fit_transform(points) for seed in range(3)
]
y = np.round(maps[0].astype(np.float64), 4)
json.dump(
    {
        "points": points.astype(int).tolist(),
        "labels": labels.tolist(),
        "neighbours": k,
        "curve": {str(d): [float(v) for v in find_ab_params(1.0, d)] for d in (0.0, 0.1, 0.5)},
        "graph_edges": int(graph.nnz),
        "graph_degrees": [round(float(d), 5) for d in np.asarray(graph.sum(axis=1)).ravel()],
        "map": y.tolist(),
        "trustworthiness": float(trustworthiness(points, y, n_neighbors=k, metric="cosine")),
        "trustworthiness_of_seeds": [
            float(trustworthiness(points, m, n_neighbors=k, metric="cosine")) for m in maps
        ],
        "silhouette": float(silhouette_score(points, labels, metric="cosine")),
        "silhouette_map": float(silhouette_score(y, labels)),
        "purity": purity(points, "cosine"),
        "purity_map": purity(y, "euclidean"),
    },
    sys.stdout,
)
print()
