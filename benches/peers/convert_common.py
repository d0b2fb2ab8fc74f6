"""What the peers of `aura-bench convert` share: everything but the tables.

convert_polars.py and convert_pandas.py read the lists, keep the card's labels, reject impossible values and repeated names, and sort
and write the result; each calls `main` with these steps. Called as

    python benches/peers/convert_polars.py affectnet|emotionet DIR OUT [--exists-only]

they look at every image below DIR (its header with Pillow, in threads; with --exists-only just whether it is there), write
OUT/samples.parquet and OUT/rejects.csv, and print the seconds between the first line read and the last written as JSON. Imports
are not counted.
"""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from PIL import Image

CLASSES = ["neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"]
AUS = [1, 2, 4, 5, 6, 9, 12, 17, 20, 25, 26]
AU_COLUMNS = [f"au{au:02}" for au in AUS]
LISTS = [("training.csv", "train"), ("validation.csv", "test")]
FACE_BOX = {"face_x": "bbox_x", "face_y": "bbox_y", "face_width": "bbox_w", "face_height": "bbox_h"}


def data_files(root):
    """EmotioNet's label files."""
    return sorted(name for name in os.listdir(root) if name.startswith("dataFile_"))


def images_below(root):
    """Path below `root` of every image, by name."""
    images = {}
    for folder, _, files in os.walk(root):
        for file in files:
            if file.endswith(".jpg"):
                images.setdefault(file, os.path.relpath(os.path.join(folder, file), root))
    return images


def has_header(path):
    try:
        with Image.open(path) as image:
            return image.size[0] * image.size[1] <= 64_000_000
    except Exception:
        return False


def look(paths, check):
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return list(pool.map(check, paths, chunksize=2048))


def main(readers, finish):
    """`readers[card](root)` gives rows and rejected rows. `finish(frame, rejects, found)` rejects the rows whose image was not found
    and the repeated ones, sorts, and returns the number of samples, that of rejects, the samples by split, and
    `write(samples_path, rejects_path)`."""
    card, root, out = sys.argv[1:4]
    check = os.path.isfile if "--exists-only" in sys.argv else has_header
    start = time.perf_counter()
    frame, rejects = readers[card](root)
    found = look([f"{root}/{path}" for path in frame["image_path"]], check)
    samples, rejected, by_split, write = finish(frame, rejects, found)
    os.makedirs(out, exist_ok=True)
    write(f"{out}/samples.parquet", f"{out}/rejects.csv")
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "samples": samples, "rejected": rejected, "by_split": by_split}))
