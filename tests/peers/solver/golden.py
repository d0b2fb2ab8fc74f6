"""Golden values of ridge, kernel ridge, linear discriminants and support vectors from scikit-learn.

Run with scikit-learn 1.9.1: `python tests/peers/solver/golden.py tests/peers/solver/golden.json`.
"""

import json
import sys

import numpy as np
import sklearn
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge
from sklearn.svm import SVC, LinearSVC

N, D, TEST, CLASSES, OUTPUTS = 72, 6, 16, 4, 2


def noise(count, seed):
    """Uniform values of -1 to 1 from a linear congruential generator (Knuth's MMIX)."""
    state, values = seed, []
    for _ in range(count):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        values.append((state >> 40) / 2**23 - 1)
    return np.array(values)


def numbers(array):
    return np.asarray(array, dtype=float).ravel().tolist()


def rounded(array):
    """What Rust reads: f32 with four decimals."""
    return np.round(array, 4).astype(np.float32).astype(float)


labels = np.array([(i * i + i // 5) % CLASSES for i in range(N)])
x = rounded(1.4 * noise(N * D, 1).reshape(N, D) + 0.8 * (np.arange(D) % CLASSES == labels[:, None]))
test = rounded(1.6 * noise(TEST * D, 2).reshape(TEST, D))
y = np.round(x @ noise(D * OUTPUTS, 3).reshape(D, OUTPUTS) + np.sin(2 * x[:, :2]) + 0.3 * noise(N * OUTPUTS, 4).reshape(N, OUTPUTS), 4)
# The second output is known for two thirds; fewer samples than dimensions in `wide`.
known = np.array([[True, i % 3 > 0] for i in range(N)])

cases = []
for alpha in (0.01, 1.0, 30.0):
    out = np.zeros((TEST, OUTPUTS))
    wide = np.zeros((TEST, OUTPUTS))
    for o in range(OUTPUTS):
        rows = known[:, o]
        out[:, o] = Ridge(alpha=alpha).fit(x[rows], y[rows, o]).predict(test)
        few = rows & (np.arange(N) < 5)
        wide[:, o] = Ridge(alpha=alpha).fit(x[few], y[few, o]).predict(test)
    cases.append({"alpha": alpha, "scores": numbers(out), "wide": numbers(wide)})
golden = {"sklearn": sklearn.__version__, "dims": D, "classes": CLASSES, "outputs": OUTPUTS,
          "x": numbers(np.round(x, 4)), "test": numbers(np.round(test, 4)), "labels": labels.tolist(), "y": numbers(y),
          "known": known.ravel().tolist(), "ridge": cases}

cases = []
for gamma, alpha in ((0.5, 0.01), (1.0, 1.0), (4.0, 0.1)):
    out = np.zeros((TEST, OUTPUTS))
    for o in range(OUTPUTS):
        rows = known[:, o]
        mean = y[rows, o].mean()
        fit = KernelRidge(alpha=alpha, kernel="rbf", gamma=gamma / D).fit(x[rows], y[rows, o] - mean)
        out[:, o] = fit.predict(test) + mean
    cases.append({"gamma": gamma, "lambda": alpha, "scores": numbers(out)})
golden["kernel_ridge"] = cases

cases = []
for shrinkage in (0.0, 0.1, 0.6, 1.0):
    fit = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(x, labels)
    cases.append({"shrinkage": shrinkage, "probabilities": numbers(fit.predict_proba(test))})
golden["lda"] = cases

cases = []
for gamma, c in ((1.0, 0.5), (1.0, 10.0), (4.0, 100.0)):
    fit = SVC(C=c, gamma=gamma / D, decision_function_shape="ovo").fit(x, labels)
    pairs = fit.decision_function(test)
    fit.decision_function_shape = "ovr"
    fit.break_ties = True
    active = np.zeros((TEST, 2))
    for o in range(2):
        rows = known[:, o]
        two = SVC(C=c, gamma=gamma / D).fit(x[rows], labels[rows] == o)
        active[:, o] = two.decision_function(test)
    cases.append({"gamma": gamma, "c": c, "pairs": numbers(pairs), "scores": numbers(fit.decision_function(test)),
                  "classes": fit.predict(test).tolist(), "two_states": numbers(active)})
golden["svc"] = cases

# On the data as they are: what the linear machines beyond the limit do with Nyström features.
fit = LinearSVC(C=0.5, loss="hinge", dual=True, tol=1e-8, max_iter=1_000_000).fit(x, labels)
golden["linear_svc"] = {"c": 0.5, "scores": numbers(fit.decision_function(test))}

with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump(golden, file)
    file.write("\n")
