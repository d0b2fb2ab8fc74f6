# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy==2.4.6", "pillow==13.0.0", "scikit-image==0.26.0"]
# ///
"""HOG descriptors of a real photograph by scikit-image, for src/encoder/tests.rs.

Run from the repository root: python tests/peers/hog/make.py
Made with scikit-image 0.26.0, numpy 2.4.6, Pillow 13.0.0.
"""
import json
from pathlib import Path

import numpy as np
import skimage
from PIL import Image
from skimage.feature import hog

here = Path(__file__).parent
# NASA's portrait of Eileen Collins (public domain), the face; 52 columns leave 4 pixels beyond the last whole cell.
crop = skimage.data.astronaut()[60:124, 196:248]
Image.fromarray(crop).save(here / "face.png")
gray = np.array(Image.fromarray(crop).convert("L"))

cases = []
for cell, block, orientations, root, colour in [
    (8, 2, 9, False, "dominant"),
    (8, 2, 9, True, "dominant"),
    (16, 1, 8, False, "gray"),
    (6, 3, 12, True, "gray"),
]:
    values = hog(
        crop if colour == "dominant" else gray,
        orientations=orientations,
        pixels_per_cell=(cell, cell),
        cells_per_block=(block, block),
        block_norm="L2-Hys",
        transform_sqrt=root,
        channel_axis=-1 if colour == "dominant" else None,
    )
    cases.append(
        {
            "cell": cell,
            "block": block,
            "orientations": orientations,
            "transform_sqrt": root,
            "colour": colour,
            "values": [round(float(v), 7) for v in values],
        }
    )
(here / "golden.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
