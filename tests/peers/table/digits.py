# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy", "scikit-learn"]
# ///
"""The handwritten digits of scikit-learn as "features made elsewhere", and what scikit-learn makes of them.

    python tests/peers/table/digits.py            # writes digits.npz, digits.csv and golden.json beside this file

The features are the 64 grey values of each image; names and splits stand in the CSV in another order than the rows of the array,
so that labels have to be found by name. The protocol is that of the recipe in docs/features-from-elsewhere.md: standardised
features, k = 5 neighbours by cosine distance with weights 1/distance, multinomial logistic regression with C = 1.
"""

import json
import pathlib

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

here = pathlib.Path(__file__).parent
digits = load_digits()
x, y = digits.data, digits.target
names = np.array([f"digit_{i:04d}" for i in range(len(x))])
test = np.arange(len(x)) % 4 == 0

np.savez_compressed(here / "digits.npz", features=x.astype(np.uint8), name=names)
order = np.random.default_rng(0).permutation(len(x))
with open(here / "digits.csv", "w") as file:
    file.write("name,part,digit\n")
    for i in order:
        file.write(f"{names[i]},{'held out' if test[i] else 'training'},{y[i]}\n")

scaler = StandardScaler().fit(x[~test])
train_x, test_x = scaler.transform(x[~test]), scaler.transform(x[test])
knn = KNeighborsClassifier(5, metric="cosine", weights="distance").fit(train_x, y[~test])
logistic = LogisticRegression(C=1.0, tol=1e-8, max_iter=10_000).fit(train_x, y[~test])
golden = {
    "train": int((~test).sum()),
    "test": int(test.sum()),
    "knn": accuracy_score(y[test], knn.predict(test_x)),
    "logistic": accuracy_score(y[test], logistic.predict(test_x)),
}
(here / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")
print(golden)
