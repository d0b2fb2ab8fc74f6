"""What a trained run makes of other faces."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from typing import Union

from . import _frames, _program
from ._frames import Frame, Library
from ._program import PathLike

#: One input of `predict`, or several.
Inputs = Union[PathLike, Sequence[PathLike]]


def predict(
    run: PathLike,
    inputs: Inputs,
    *,
    methods: Sequence[str] = ("aura",),
    seed: int | None = None,
    fold: int | None = None,
    top: int | None = None,
    batch: int | None = None,
    images: PathLike | None = None,
    media: PathLike | None = None,
    every: int | None = None,
    out: PathLike | None = None,
    html: PathLike | None = None,
    cache: PathLike | None = None,
    device: str | None = None,
    quiet: bool = False,
    frames: Library | None = None,
) -> Frame:
    """What a trained run makes of faces: a row a face and read-out, with class, outputs, and the archetypes behind them.

    `inputs` are images, folders of images, lists of faces with boxes (as OpenFace, py-feat, RetinaFace, InsightFace and MediaPipe
    write them), videos, or folders of feature tables, one or several. Faces are not detected: an image without a box is taken
    whole as an aligned face.

    `methods` are read-outs (`aura`, `aura_mixture`, `aura_tuned`), `seed` and `fold` choose the model (default: the run's first),
    `top` is how many archetypes are listed (8), `batch` how many images are encoded at a time, `images` the folder that images of
    lists lie below, `media` the image or video that a list is of which names none, `every` takes every Nth frame of videos. With
    `out` the rows stay in a Parquet file, what could not be predicted is listed beside it, and a call that was stopped goes on
    where it was; `html` is a page of the first faces beside the images behind their archetypes.

    Warns of faces that could not be predicted. Raises `UsageError` for a seed, fold or read-out that the run does not have,
    `DataError` for inputs that cannot be read and where the run's encoder cannot be had exactly.
    """
    library = _frames.choose(frames)
    arguments: list[_program.Argument] = ["predict", "--json", "--format=parquet"]
    arguments.append(_program.text(f"--method={','.join(methods)}"))
    for option, number in (("seed", seed), ("fold", fold), ("top", top), ("batch", batch), ("every", every)):
        if number is not None:
            arguments.append(f"--{option}={int(number)}")
    for option, named in (("images", images), ("media", media), ("html", html), ("cache", cache)):
        if named is not None:
            arguments.append(f"--{option}=".encode() + _program.path(named))
    if device is not None:
        arguments.append(_program.text(f"--device={device}"))
    if quiet:
        arguments.append("--quiet")
    listed = [inputs] if isinstance(inputs, (str, os.PathLike)) else list(inputs)
    if not listed:
        raise ValueError("inputs is an empty list; expected an image, a folder, a list of faces, a video or a feature table.")
    scratch = None if out is not None else tempfile.mkdtemp(prefix="aura-bench-")
    try:
        file = out if out is not None else os.path.join(str(scratch), "predictions.parquet")
        arguments.append(b"--out=" + _program.path(file))
        arguments.extend(["--", _program.path(run), *(_program.path(each) for each in listed)])
        said = json.loads(_program.call(arguments, show=not quiet))
        if said["rejected"]:
            where = f"; why stands in {said['rejects']}" if scratch is None else "; `out=FILE` keeps the list of them"
            warnings.warn(f"{said['rejected']} of {said['faces']} faces could not be predicted{where}", stacklevel=2)
        return _frames.read(os.path.expanduser(file), library)
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
