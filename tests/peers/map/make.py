# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy", "scikit-learn==1.9.1", "umap-learn==0.5.12"]
# ///
"""Golden values for src/map and src/metric/separability.rs: umap-learn and scikit-learn on 240 handwritten digits, and
on 240 further ones that are placed on their map.

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
from scipy.sparse import csr_matrix
from sklearn.neighbors import NearestNeighbors
from umap.umap_ import (
    compute_membership_strengths,
    find_ab_params,
    fuzzy_simplicial_set,
    init_graph_transform,
    smooth_knn_dist,
)

warnings.filterwarnings("ignore")
digits = load_digits()
points, labels = digits.data[:240], digits.target[:240]
further = digits.data[240:480]
k = 15


def purity(points, metric):
    near = NearestNeighbors(n_neighbors=k, metric=metric).fit(points).kneighbors(return_distance=False)
    return float((labels[near] == labels[:, None]).mean())


graph, _, _ = fuzzy_simplicial_set(points.astype(np.float32), k, np.random.RandomState(0), "cosine")
graph = graph.tocoo()
models = [umap.UMAP(n_neighbors=k, min_dist=0.1, metric="cosine", random_state=seed).fit(points) for seed in range(3)]
maps = [model.embedding_ for model in models]
y = np.round(maps[0].astype(np.float64), 4)

# Where umap-learn's transform begins, before it descends (UMAP.transform, with exact neighbours).
near = NearestNeighbors(n_neighbors=k, metric="cosine", algorithm="brute").fit(points)
lengths, indices = near.kneighbors(further)
lengths, indices = lengths.astype(np.float32), indices.astype(np.int32)
sigmas, rhos = smooth_knn_dist(lengths, float(k), local_connectivity=0.0)
rows, cols, weights, _ = compute_membership_strengths(indices, lengths, sigmas, rhos, bipartite=True)
bipartite = csr_matrix((weights, (rows, cols)), shape=(len(further), len(points)))
begun = init_graph_transform(bipartite, y.astype(np.float32))
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
        "further": further.astype(int).tolist(),
        "placed": np.round(begun.astype(np.float64), 4).tolist(),
        "trustworthiness_of_placed": float(trustworthiness(further, begun, n_neighbors=k, metric="cosine")),
        "trustworthiness_of_transforms": [
            float(trustworthiness(further, model.transform(further), n_neighbors=k, metric="cosine")) for model in models
        ],
    },
    sys.stdout,
)
print()
