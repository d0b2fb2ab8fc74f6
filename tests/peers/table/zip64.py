# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy==2.4.6"]
# ///
"""Writes zip64.npz: 40 × 8 features laid out as NumPy lays out an archive of 2 to 4 GiB, in two kilobytes.

From 2 GiB on Python writes ZIP64 records, though sizes and places up to 4 GiB fit the plain fields, which it fills as well.
Here that limit is 1,000 bytes.
"""

import pathlib
import zipfile

import numpy as np

zipfile.ZIP64_LIMIT = 1000
rows = np.arange(40)
np.savez(
    pathlib.Path(__file__).with_name("zip64.npz"),
    **{
        "global": np.arange(320, dtype="<f4").reshape(40, 8),
        "label": rows % 4,
        "split": np.where(rows % 5 == 0, "test", "train"),
    },
)
