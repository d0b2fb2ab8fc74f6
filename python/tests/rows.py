"""Frames of either library as plain rows."""

from __future__ import annotations

import math
import struct
from typing import Any


def rows(frame: Any) -> list[dict[str, Any]]:
    """Rows with None for what is missing, and lists for lists."""
    records = frame.to_dicts() if hasattr(frame, "to_dicts") else frame.to_dict("records")
    return [{name: _plain(value) for name, value in record.items()} for record in records]


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if type(value).__name__ == "NAType" or (isinstance(value, float) and math.isnan(value)):
        return None
    return value


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal, numbers as f32 where they are stored so: JSON prints the shortest digits of those."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    if isinstance(a, float) and isinstance(b, float) and a != b:
        return struct.pack("f", a) == struct.pack("f", b)
    return bool(a == b) and isinstance(a, bool) == isinstance(b, bool)


def assert_same(frame: Any, expected: list[dict[str, Any]]) -> None:
    """Holds a frame against rows, by column and row."""
    found = rows(frame)
    assert len(found) == len(expected)
    for index, (ours, theirs) in enumerate(zip(found, expected)):
        assert list(ours) == list(theirs)
        for name in ours:
            assert same(ours[name], theirs[name]), (index, name, ours[name], theirs[name])
