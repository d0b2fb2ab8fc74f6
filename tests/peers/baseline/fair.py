"""The rivals' whole protocol by scikit-learn: settings chosen by fitted outputs on held-out parts, then the test part.

Run with scikit-learn 1.9.1 and numpy 2.4: `python fair.py` here. It reads digits.csv, golden.json and folds.csv (the part of each
training sample, one column a task, as `src/fitting/folds.rs` deals them) and writes fair.json.
"""

import csv
import json

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics.pairwise import linear_kernel, rbf_kernel
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.svm import SVC

TRAIN, WIDTH = 350, 64
STRENGTHS = [1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 0.3, 1.0, 10.0, 100.0]

rows = np.array([[float(v) for v in row] for row in csv.reader(open("digits.csv"))])
digit, x = rows[:, 0].astype(int), rows[:, 1:]
golden = json.load(open("golden.json"))
score = np.array(golden["score"]).reshape(-1, 2)
units = np.array(golden["units"]).reshape(-1, 3).astype(float)
known = np.array(golden["known"]).reshape(-1, 3)
folds = {name: np.array(column) for name, column in zip(
    ("expression", "other"), np.array(list(csv.reader(open("folds.csv"))), dtype=int).T)}


def each_by_its_own(train, *others):
    mean, sd = train.mean(0), train.std(0)
    factor = np.where(sd > 0, 1 / np.where(sd > 0, sd, 1), 0)
    return [(v - mean) * factor for v in (train, *others)]


def all_by_one(train, *others):
    mean = train.mean(0)
    factor = 1 / (train - mean).std()
    return [(v - mean) * factor for v in (train, *others)]


def accuracy(outputs, labels):
    return np.mean(outputs.argmax(1) == labels)


def spread(outputs, labels):
    factor = labels.std(0) / outputs.std(0)
    return labels.mean(0) - factor * outputs.mean(0), factor


def ccc(outputs, labels):
    m, n = outputs.mean(0), labels.mean(0)
    cov = ((outputs - m) * (labels - n)).mean(0)
    return np.mean(2 * cov / (outputs.var(0) + labels.var(0) + (m - n) ** 2))


def width(values):
    quartiles = (np.percentile(values, 75) - np.percentile(values, 25)) / 1.34
    smaller = min(values.std(), quartiles) if quartiles > 0 else values.std()
    return 1.06 * smaller * len(values) ** -0.2 / 1.81 + 1e-6


def threshold(p, y):
    active, inactive = p[y > 0.5], p[y <= 0.5]
    grid = np.median(p) + (p.max() - np.median(p)) * np.arange(121) / 120
    with np.errstate(over="ignore"):
        called = [(1 / (1 + np.exp((grid[:, None] - v[None]) / width(v)))).sum(1) for v in (active, inactive)]
    return grid[np.argmax(2 * called[0] / (called[0] + called[1] + len(active)))]


def f1(called, y):
    return 2 * np.sum(called & (y > 0.5)) / (np.sum(called) + np.sum(y > 0.5))


class Expression:
    labels, fold = digit, folds["expression"]

    def fit(self, outputs, rows):
        return None

    def judge(self, fit, outputs, rows):
        return accuracy(outputs, digit[rows])


class Scores:
    fold = folds["other"]

    def fit(self, outputs, rows):
        return spread(outputs, score[rows])

    def judge(self, fit, outputs, rows):
        return ccc(np.clip(fit[0] + fit[1] * outputs, -1, 1), score[rows])


class Units:
    fold = folds["other"]

    def fit(self, outputs, rows):
        return [threshold(outputs[known[rows, u], u], units[rows, u][known[rows, u]]) for u in range(3)]

    def judge(self, fit, outputs, rows):
        return np.mean([f1(outputs[known[rows, u], u] >= fit[u], units[rows, u][known[rows, u]]) for u in range(3)])


def each_unit(make, low, high):
    def run(train_rows, a, b, setting):
        out = []
        for u in range(3):
            k = known[train_rows, u]
            out.append(make(setting, a[k], units[train_rows, u][k], b))
        return np.clip(np.stack(out, 1), low, high)
    return run


def kernel_ridge(setting, a, y, b):
    (gamma, linear), lam = setting

    def kernel(of):
        return rbf_kernel(of, a, gamma=gamma / WIDTH) + linear / WIDTH * linear_kernel(of, a)

    model = KernelRidge(alpha=lam, kernel="precomputed").fit(kernel(a), y - y.mean(0))
    return model.predict(kernel(b)) + y.mean(0)


GRID = [(k, s) for k in ((0.3, 0.0), (1.0, 0.0), (0.5, 0.18)) for s in (0.03, 0.1, 0.3, 1.0, 3.0)]
SVM = [(g, s) for g in (0.3, 1.0) for s in (0.3, 1.0, 3.0, 10.0, 30.0)]
NEIGHBOURS = [1, 3, 5, 10, 20, 50, 100]


def svc(rows, a, b, setting):
    model = SVC(C=setting[1], gamma=setting[0] / WIDTH, break_ties=True).fit(a, digit[rows])
    return model.decision_function(b)


def lda(rows, a, b, s):
    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage=s).fit(a, digit[rows]).predict_proba(b)


def neighbours(rows, a, b, k):
    model = KNeighborsClassifier(min(k, len(a)), metric="cosine", weights="distance", algorithm="brute")
    return model.fit(a, digit[rows]).predict_proba(b)


def near_scores(rows, a, b, k):
    model = KNeighborsRegressor(min(k, len(a)), metric="cosine", weights="distance", algorithm="brute")
    return model.fit(a, score[rows]).predict(b)


def logistic(rows, a, b, c):
    return LogisticRegression(C=c, max_iter=5000, tol=1e-6).fit(a, digit[rows]).predict_proba(b)


CASES = [
    ("expression", "knn", Expression(), NEIGHBOURS, 99, neighbours),
    ("expression", "logistic", Expression(), STRENGTHS, 2, logistic),
    ("expression", "lda", Expression(), [1e-4, 1e-3, 1e-2, 0.03, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9], 99, lda),
    ("expression", "svm", Expression(), SVM, 99, svc),
    ("valence_arousal", "knn", Scores(), NEIGHBOURS, 99, near_scores),
    ("valence_arousal", "ridge", Scores(), STRENGTHS, 2,
     lambda rows, a, b, c: np.clip(Ridge(alpha=1 / c).fit(a, score[rows]).predict(b), -1, 1)),
    ("valence_arousal", "kernel_ridge", Scores(), GRID, 99,
     lambda rows, a, b, s: np.clip(kernel_ridge(s, a, score[rows], b), -1, 1)),
    ("action_units", "ridge", Units(), STRENGTHS, 2,
     each_unit(lambda c, a, y, b: Ridge(alpha=1 / c).fit(a, y).predict(b), 0, 1)),
    ("action_units", "logistic", Units(), STRENGTHS, 2,
     each_unit(lambda c, a, y, b: LogisticRegression(C=c, max_iter=5000, tol=1e-6).fit(a, y).predict_proba(b)[:, 1], 0, 1)),
    ("action_units", "kernel_ridge", Units(), GRID, 99, each_unit(kernel_ridge, 0, 1)),
]

out = []
train, test = np.arange(TRAIN), np.arange(TRAIN, len(x))
for task, name, judge, settings, patience, predict in CASES:
    best = None
    for scaled in (each_by_its_own, all_by_one):
        here = None
        for at, setting in enumerate(settings):
            held, outputs = [], []
            for fold in range(5):
                kept, asked = train[judge.fold != fold], train[judge.fold == fold]
                a, b = scaled(x[kept], x[asked])
                outputs.append(predict(kept, a, b, setting))
                held.append(asked)
            held, outputs = np.concatenate(held), np.concatenate(outputs)
            fit = judge.fit(outputs, held)
            value = judge.judge(fit, outputs, held)
            if here is None or value > here[0]:
                here = (value, at, setting, fit, scaled)
            elif at - here[1] >= patience:
                break
        if best is None or here[0] > best[0]:
            best = here
    held_out, _, setting, fit, scaled = best
    a, b = scaled(x[train], x[test])
    value = judge.judge(fit, predict(train, a, b, setting), test)
    out.append({"task": task, "method": name, "held_out": held_out, "test": value, "setting": setting,
                "scale": scaled.__name__})
json.dump(out, open("fair.json", "w"), indent=1)
