# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy", "scikit-learn"]
# ///
"""Public feature sets that are not faces, as recipes of this program, and what scikit-learn makes of them.

    python tests/peers/table/sets.py OUT          # OUT/NAME.npz, OUT/NAME.toml, OUT/scikit-learn.json
    cd OUT                                        # dataset.path starts at the current folder
    aura-bench run NAME.toml                      # nothing but the data is set: every setting is a default
    aura-bench run digits_kmax.toml               # a study: how many archetypes stay of 150 to 400

All come with scikit-learn. Every fourth sample in a seeded order is a test sample. Classifiers and regressors have scikit-learn's
own defaults, on features standardised by the training split; targets of a regression are scaled to [-1, 1] by its extremes.
"""

import json
import pathlib
import sys

import numpy as np
from sklearn import datasets
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, f1_score
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.multioutput import MultiOutputRegressor

UNITS = [1, 2, 4, 5, 6, 9, 12, 15]


def scaled(y):
    """Each column between -1 and 1."""
    low, high = y.min(0), y.max(0)
    return 2 * (y - low) / (high - low) - 1


def sets():
    """Name → (features, classes) or (features, scores n × 2) or (features, labels n × 8)."""
    for name in ("iris", "wine", "breast_cancer", "digits"):
        yield name, *datasets.__dict__[f"load_{name}"](return_X_y=True)
    yield "drawn_classes", *datasets.make_classification(
        3000, 40, n_informative=12, n_redundant=8, n_classes=6, n_clusters_per_class=3, class_sep=1.5, random_state=0
    )
    x, y = datasets.load_diabetes(return_X_y=True)
    # Two things to predict at once: the progression, and the body-mass index, which is taken out of the features.
    yield "diabetes", np.delete(x, 2, 1), scaled(np.stack([y, x[:, 2]], 1))
    x, first = datasets.make_friedman1(3000, 12, noise=1.0, random_state=0)
    second = 10 * np.sin(np.pi * x[:, 5] * x[:, 6]) + 5 * x[:, 0] + np.random.default_rng(0).normal(size=len(x))
    yield "friedman", x, scaled(np.stack([first, second], 1))
    yield "drawn_labels", *datasets.make_multilabel_classification(
        3000, 40, n_classes=len(UNITS), n_labels=2, length=60, random_state=0
    )


def ccc(y, predicted):
    """Mean concordance over the columns."""
    a, b = y - y.mean(0), predicted - predicted.mean(0)
    shift = (y.mean(0) - predicted.mean(0)) ** 2
    return float(np.mean(2 * (a * b).mean(0) / (a.var(0) + b.var(0) + shift)))


def rivals(task):
    if task == "valence_arousal":
        return {
            "ridge": Ridge(),
            "k nearest neighbours": KNeighborsRegressor(),
            "support vectors": MultiOutputRegressor(SVR()),
            "forest": RandomForestRegressor(random_state=0),
            "perceptron": MLPRegressor(random_state=0, max_iter=1000),
        }
    one = {
        "logistic regression": LogisticRegression(max_iter=5000),
        "k nearest neighbours": KNeighborsClassifier(),
        "support vectors": SVC(),
        "forest": RandomForestClassifier(random_state=0),
        "perceptron": MLPClassifier(random_state=0, max_iter=1000),
    }
    several = {"logistic regression", "support vectors"}
    if task == "action_units":
        return {name: MultiOutputClassifier(model) if name in several else model for name, model in one.items()}
    return one


def main(out):
    out.mkdir(parents=True, exist_ok=True)
    results = {}
    for name, x, y in sets():
        order = np.random.default_rng(0).permutation(len(x))
        test = np.zeros(len(x), bool)
        test[order[::4]] = True
        arrays = {"features": x.astype(np.float32), "split": np.where(test, "test", "train")}
        if y.ndim == 1:
            task, score, more = "expression", accuracy_score, ""
            arrays["label"] = np.array([f"c{k:02d}" for k in y])
        elif y.shape[1] == 2:
            task, score, more = "valence_arousal", ccc, ""
            arrays["valence"], arrays["arousal"] = y.T.astype(np.float32)
        else:
            task, more = "action_units", f"action_units = {UNITS}\n"
            score = lambda y, p: f1_score(y, p, average="macro")
            arrays |= {f"au{unit:02d}": y[:, k].astype(np.int8) for k, unit in enumerate(UNITS)}
        np.savez_compressed(out / f"{name}.npz", **arrays)
        (out / f"{name}.toml").write_text(
            f'schema = 1\nname = "{name}"\n\n[dataset]\ncard = "table"\npath = "{name}.npz"\n\n'
            f'[features]\ndtype = "f32"\n\n[protocol]\ntask = "{task}"\n{more}seeds = [0, 1, 2]\n'
        )
        results[name] = {"samples": [int((~test).sum()), int(test.sum())], "features": x.shape[1]}
        for rival, model in rivals(task).items():
            model = make_pipeline(StandardScaler(), model).fit(x[~test], y[~test])
            results[name][rival] = round(score(y[test], model.predict(x[test])), 4)
        print(name, results[name], flush=True)
    (out / "digits_kmax.toml").write_text(
        'schema = 1\nextends = "digits.toml"\nname = "digits_kmax"\n\n[sweep]\n"model.k_max" = [150, 200, 300, 400]\n\n'
        "[baselines]\nenabled = false\n"
    )
    (out / "scikit-learn.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
