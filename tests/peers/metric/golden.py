# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy>=2,<3", "scikit-learn==1.9.1", "scipy==1.17.1", "statsmodels==0.15.*"]
# ///
"""Golden values for `src/metric/` from scikit-learn, scipy and statsmodels.

    python tests/peers/metric/golden.py > tests/peers/metric/golden.json

Inputs are drawn here, written beside the results, and read by the tests of `src/metric/tests.rs`.
Made with numpy 2, scikit-learn 1.9.1, scipy 1.17.1, statsmodels 0.15.
"""

import json

import numpy as np
from scipy import stats
from scipy.stats._resampling import _bca_interval
from sklearn import metrics
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

rng = np.random.default_rng(20)
golden = {}


def short(values):
    """Shortest decimals that give the same float32."""
    return [float(str(v)) for v in np.asarray(values, np.float32).ravel()]


# Expressions: 7 classes, unequal frequencies, one class never predicted, argmax of float32 scores.
n, c = 400, 7
share = np.array([0.1, 0.02, 0.06, 0.4, 0.16, 0.06, 0.2])
label = rng.choice(c, n, p=share)
score = rng.normal(size=(n, c)).astype(np.float32)
score[np.arange(n), label] += 1.5
score[:, 1] -= 6
score = np.round(score, 4)
pred = score.argmax(1)
golden["expression"] = {
    "classes": c,
    "label": label.tolist(),
    "score": short(score),
    "acc": metrics.accuracy_score(label, pred),
    "balanced_acc": metrics.balanced_accuracy_score(label, pred),
    "f1_macro": metrics.f1_score(label, pred, average="macro"),
    "f1": metrics.f1_score(label, pred, average=None, labels=range(c), zero_division=0).tolist(),
    "recall": metrics.recall_score(label, pred, average=None, labels=range(c)).tolist(),
    "confusion": metrics.confusion_matrix(label, pred, labels=range(c)).ravel().tolist(),
    "wilson": list(proportion_confint(int((pred == label).sum()), n, method="wilson")),
}

# Valence and arousal, float32 as stored.
n = 150
target = np.clip(rng.normal(0.1, 0.4, (n, 2)), -1, 1).astype(np.float32)
output = np.clip(0.7 * target + rng.normal(0.05, 0.2, (n, 2)), -1, 1).astype(np.float32)
target[:5] = 0
x, y = target.astype(float), output.astype(float)


def ccc(x, y, ddof):
    cov = ((x - x.mean()) * (y - y.mean())).sum() / (len(x) - ddof)
    return 2 * cov / (x.var(ddof=ddof) + y.var(ddof=ddof) + (x.mean() - y.mean()) ** 2)


golden["valence_arousal"] = {
    "target": short(target),
    "output": short(output),
    "ccc": [ccc(x[:, d], y[:, d], 0) for d in range(2)],
    # What torchmetrics' ConcordanceCorrCoef computes (sample moments): kept to show the size of the difference.
    "ccc_ddof1": [ccc(x[:, d], y[:, d], 1) for d in range(2)],
    "pcc": [stats.pearsonr(x[:, d], y[:, d]).statistic for d in range(2)],
    "rmse": [metrics.root_mean_squared_error(x[:, d], y[:, d]) for d in range(2)],
    "sagr": [float((np.sign(x[:, d]) == np.sign(y[:, d])).mean()) for d in range(2)],
}

# Action units: unknown labels, a unit without positives or detections, probabilities of exactly 0.5.
n, a = 200, 5
label = (rng.random((n, a)) < [0.3, 0.1, 0.5, 0.05, 0.0]).astype(int)
prob = np.clip(0.25 + 0.45 * label + rng.normal(0, 0.2, (n, a)), 0.01, 0.99).astype(np.float32)
prob[:, 4] = 0.1
prob[:6, 0] = 0.5
known = rng.random((n, a)) > 0.15
f1, acc = [], []
for i in range(a):
    k = known[:, i]
    hit = prob[k, i] >= 0.5
    f1.append(metrics.f1_score(label[k, i], hit, zero_division=0))
    acc.append(metrics.accuracy_score(label[k, i], hit))
golden["action_units"] = {
    "label": label.ravel().tolist(),
    "prob": short(prob),
    "known": known.ravel().tolist(),
    "f1": f1,
    "f1_avg": float(np.mean(f1)),
    "acc": acc,
    "acc_avg": float(np.mean(acc)),
}

# Clusterings.
truth = rng.integers(0, 6, 300)
cluster = np.where(rng.random(300) < 0.7, truth * 2 + rng.integers(0, 2, 300), rng.integers(0, 12, 300))
table = metrics.cluster.contingency_matrix(truth, cluster)
golden["clustering"] = {
    "truth": truth.tolist(),
    "cluster": cluster.tolist(),
    "nmi": metrics.normalized_mutual_info_score(truth, cluster, average_method="arithmetic"),
    "ami": metrics.adjusted_mutual_info_score(truth, cluster, average_method="arithmetic"),
    "homogeneity": metrics.homogeneity_score(truth, cluster),
    "completeness": metrics.completeness_score(truth, cluster),
    "v_measure": metrics.v_measure_score(truth, cluster),
    "purity": table.max(0).sum() / 300,
    "perplexity": float(np.exp(stats.entropy(np.bincount(cluster)))),
}

# Finding flipped labels: ties among the scores.
wanted = rng.random(200) < 0.08
scores = np.round(rng.random(200) + 0.5 * wanted, 1)
flagged = scores > 0.8
golden["retrieval"] = {
    "wanted": wanted.tolist(),
    "scores": scores.tolist(),
    "flagged": flagged.tolist(),
    "precision": metrics.precision_score(wanted, flagged),
    "recall": metrics.recall_score(wanted, flagged),
    "average_precision": metrics.average_precision_score(wanted, scores),
}

# BCa from a given distribution and given jackknife values.
sample = rng.gamma(2.0, 1.0, 40)
distribution = np.sort([np.var(rng.choice(sample, 40)) for _ in range(499)])
left_out = np.array([np.var(np.delete(sample, i)) for i in range(40)])
alpha, a_hat = 0.025, None
# `_bca_interval` also returns the acceleration; percentiles of the distribution are then numpy's.
low, high, a_hat = _bca_interval((sample,), lambda s, axis: np.var(s, axis=axis), -1, alpha, distribution, None, np)
full = stats.bootstrap((sample,), np.var, n_resamples=9999, method="BCa", rng=np.random.default_rng(1), vectorized=True)
golden["bca"] = {
    "sample": sample.tolist(),
    "distribution": distribution.tolist(),
    "left_out": left_out.tolist(),
    "estimate": float(np.var(sample)),
    "low": float(np.percentile(distribution, low * 100)),
    "high": float(np.percentile(distribution, high * 100)),
    "full": [float(full.confidence_interval.low), float(full.confidence_interval.high)],
}

# More samples than are resampled one by one: the cubes of the golden ratio's multiples, without their whole parts.
many = (np.arange(40_000) * 0.6180339887498949 % 1.0) ** 3
full = stats.bootstrap((many,), np.var, n_resamples=9999, method="BCa", rng=np.random.default_rng(2), batch=50)
golden["bca_many"] = [float(full.confidence_interval.low), float(full.confidence_interval.high)]

golden["mcnemar"] = []
for b, c in [(0, 0), (1, 0), (5, 17), (30, 30), (40, 71), (310, 402)]:
    table = [[100, b], [c, 50]]
    exact = mcnemar(table, exact=True)
    corrected = mcnemar(table, exact=False, correction=True)
    golden["mcnemar"].append(
        {
            "b": b,
            "c": c,
            "exact": 1.0 if b + c == 0 else float(exact.pvalue),
            "chi2": 0.0 if b == c else float(corrected.statistic),
            "p": 1.0 if b == c else float(corrected.pvalue),
        }
    )

p = [0.01, 0.04, 0.03, 0.005, 0.6, 0.03]
golden["holm"] = {"p": p, "adjusted": multipletests(p, method="holm")[1].tolist()}

seeds = [0.801, 0.812, 0.795, 0.808, 0.804]
golden["seeds"] = {
    "values": seeds,
    "mean": float(np.mean(seeds)),
    "sd": float(np.std(seeds, ddof=1)),
}

other = [0.79, 0.801, 0.775, 0.798]
welch = stats.ttest_ind(other, seeds, equal_var=False).confidence_interval(0.95)
golden["seeds"] |= {"other": other, "welch": [float(welch.low), float(welch.high)]}

golden["special"] = {
    "normal_quantile": [[p, float(stats.norm.ppf(p))] for p in (1e-9, 0.001, 0.025, 0.3, 0.5, 0.9, 0.975, 0.9999)],
    "normal_cdf": [[z, float(stats.norm.cdf(z))] for z in (-8.0, -3.0, -1.0, -0.1, 0.0, 0.5, 2.0, 4.0)],
    "chi2": [[x, float(stats.chi2.sf(x, 1))] for x in (0.0, 0.01, 0.5, 1.0, 3.84, 10.0, 40.0)],
    "t": [[df, float(stats.t.ppf(0.975, df))] for df in (1, 2, 3, 4, 9, 30, 1000)],
    "binomial": [[k, n, float(stats.binom.cdf(k, n, 0.5))] for k, n in ((0, 1), (3, 10), (12, 40), (480, 1000), (4900, 10000))],
}

print(json.dumps(golden, indent=None, separators=(",", ":")))
