"""The anchors of headings, as code hosts make them."""

import re


def slug(text):
    """Small letters, no punctuation, a hyphen for each space."""
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def numbered(slugs):
    """The anchors of one file in their order: the second `fixed` is `fixed-1`."""
    seen = {}
    for name in slugs:
        count = seen.get(name, 0)
        seen[name] = count + 1
        yield f"{name}-{count}" if count else name
