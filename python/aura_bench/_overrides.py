"""Keyword arguments as the program's `--set KEY=VALUE`."""

from __future__ import annotations

import json
import math
import numbers
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

#: A key that needs no quotes; dots lead into sections.
_DOTTED = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def overrides(keywords: Mapping[str, Any]) -> list[str]:
    """`KEY=VALUE` for each key that is set, in the order given; values are TOML.

    `{"train.epochs": 20}`, `{"train": {"epochs": 20}}` and `{"train__epochs": 20}` are the same. Raises `TypeError` for a value
    that TOML cannot hold, `ValueError` for text that is none.
    """
    found: list[str] = []
    for name, value in keywords.items():
        found.extend(f"{key}={toml(value, key)}" for key, value in _leaves(name.replace("__", "."), value))
    return found


def _leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """A section sets its keys one by one, so that its others stay as the recipe has them."""
    if isinstance(value, Mapping) and value and all(isinstance(name, str) and _DOTTED.fullmatch(name) for name in value):
        for name, inner in value.items():
            yield from _leaves(f"{key}.{name}", inner)
    else:
        yield key, value


def toml(value: Any, key: str) -> str:
    """A value as TOML writes it, on one line; `key` is for the message where it cannot."""
    # Scalars and arrays of NumPy.
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value, key)
    if isinstance(value, os.PathLike):
        return _quoted(str(os.fspath(value)), key)
    if isinstance(value, numbers.Integral):
        return str(int(value))
    if isinstance(value, numbers.Real):
        return _float(float(value))
    if isinstance(value, Mapping):
        pairs = (f"{_key(str(name), key)} = {toml(inner, f'{key}.{name}')}" for name, inner in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, (list, tuple, range)):
        return "[" + ", ".join(toml(inner, key) for inner in value) + "]"
    if value is None:
        raise TypeError(f"{key} is None, which a recipe cannot hold: leave the key out.")
    raise TypeError(f"{key} is a {type(value).__name__}; expected str, bool, int, float, list or dict.")


def _float(value: float) -> str:
    if math.isnan(value):
        return "nan"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return repr(value)


def _quoted(value: str, key: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"{key} is {value!r}, which is no text in UTF-8.") from None
    # JSON's escapes are TOML's; only DEL it leaves as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str, key: str) -> str:
    return name if _BARE.fullmatch(name) else _quoted(name, key)
