# /// script
# requires-python = ">=3.11"
# dependencies = ["cleanlab==2.9.*", "numpy", "pandas", "pyarrow", "scikit-learn"]
# ///
"""Golden values for reports/sql/confident_learning.sql: cleanlab on the outputs of a stand-in run.

    aura-bench run recipes/rafdb.toml --stand-in --seeds 0
    python tests/peers/label_issues/make.py runs/rafdb-XXXXXXXX > tests/peers/label_issues/golden.json

Needs pandas, pyarrow, scikit-learn, cleanlab 2.9.
"""

import json
import sys

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from sklearn.metrics import average_precision_score

run = sys.argv[1]
classes = json.load(open(f"{run}/manifest.json"))["classes"]
rows = pd.read_parquet(f"{run}/seed-0/predictions.parquet")
rows = rows[(rows.method == "aura_mixture") & (rows.split == "test")].sort_values("sample_id").head(320)
flipped = pd.read_parquet(f"{run}/truth.parquet").set_index("sample_id").loc[rows.sample_id, "flipped"].to_numpy()
labels = rows.label.to_numpy()
single = np.stack(rows.output)
outputs = single.astype(np.float64)

issues = find_label_issues(labels, outputs, filter_by="confident_learning")
scores = get_label_quality_scores(labels, outputs, method="normalized_margin")
json.dump(
    {
        "classes": classes,
        "sample_ids": rows.sample_id.tolist(),
        "labels": labels.tolist(),
        # The shortest decimals that are these single-precision numbers.
        "outputs": [[float(str(value)) for value in row] for row in single],
        "flipped": flipped.tolist(),
        "issues": [int(i) for i in np.flatnonzero(issues)],
        # cleanlab shifts the margin from [-1, 1] to [0, 1].
        "margins": [round(float(2 * s - 1), 9) for s in scores],
        "precision": float((issues & flipped).sum() / issues.sum()),
        "recall": float((issues & flipped).sum() / flipped.sum()),
        "average_precision": float(average_precision_score(flipped, -scores)),
    },
    sys.stdout,
)
print()
