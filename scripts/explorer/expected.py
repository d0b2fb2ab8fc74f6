"""What the explorer of a page should say, worked out from the page's data alone and without its program."""

import json
import re


def embedded(text: str) -> dict | None:
    found = re.search(r'<script type="application/json" id="explorer-data">(.*?)</script>', text, re.S)
    return json.loads(found[1]) if found else None


def visible(text: object) -> str:
    """Text as the page writes it: what controls, turns or hides text is an escape."""
    hidden = r"[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
    return re.sub(hidden, lambda c: f"\\u{ord(c[0]):04x}", str(text))


def clip(text: object, most: int) -> str:
    letters = visible(text)
    return letters if len(letters) <= most else letters[: most - 1] + "…"


def fixed(value: float | None, digits: int = 2) -> str:
    if value is None:
        return "–"
    text = f"{value:.{digits}f}"
    return (text[1:] if float(text) == 0 and text[0] == "-" else text).replace("-", "−")


class Expected:
    def __init__(self, data: dict):
        self.data, self.samples = data, data["samples"]
        self.n = len(self.samples["id"])
        self.expression = data["task"] == "expression"
        self.affect = data["task"] == "valence_arousal"
        self.units = data["task"] == "action_units"
        self.classes = data["classes"]
        self.suspected = set(data["issues"]["sample"])
        margins = [v for v in self.samples.get("margin") or [] if v is not None]
        self.digits = 3 if max(margins, default=0) < 0.3 else 2

    def column(self, name: str) -> list:
        return self.samples.get(name) or [None] * self.n

    def value(self, kind: str, i: int, output: int = 0):
        values = self.samples.get(kind)
        if not values:
            return None
        return values[i] if self.expression else values[output][i]

    def known(self, kind: str, i: int) -> bool:
        return any(self.value(kind, i, o) is not None for o in range(len(self.classes)))

    def text(self, kind: str, i: int) -> str | None:
        if not self.known(kind, i):
            return None
        if self.expression:
            return self.classes[self.value(kind, i)]
        if self.units:
            return " ".join(name for o, name in enumerate(self.classes) if self.value(kind, i, o) == 1) or "no unit"
        return ", ".join(f"{name} {fixed(self.value(kind, i, o))}" for o, name in enumerate(self.classes))

    def archetype(self, i: int) -> str | None:
        a = self.column("archetype")[i]
        return None if a is None else self.data["archetypes"]["name"][a]

    def passes(self, i: int, control: str, value) -> bool:
        """Whether a sample passes one filter, by the control's name and value."""
        if control == "split":
            at = self.column("split")[i]
            return at is not None and self.data["splits"][at] == value
        if control in ("class", "prediction"):
            kind = "label" if control == "class" else "prediction"
            if value == "unknown":
                return not self.known(kind, i)
            if self.expression:
                return self.known(kind, i) and self.classes[self.value(kind, i)] == value
            if self.units:
                return self.value(kind, i, self.classes.index(value)) == 1
            return self.known(kind, i) and all((self.value(kind, i, o) >= 0) == (sign == "p") for o, sign in enumerate(value))
        error = self.column("error")[i]
        if control == "outcome":
            return {"right": error == 0, "wrong": error is not None and error > 0, "unknown": error is None}[value]
        if control == "error":
            return error is not None and (error >= value if self.units else error > value)
        if control == "margin":
            margin = self.column("margin")[i]
            return margin is not None and margin < value
        if control == "subject":
            at = self.column("subject")[i]
            name = None if at is None else self.data["subjects"][at]
            if value.lower() in (subject.lower() for subject in self.data["subjects"]):
                return name is not None and name.lower() == value.lower()
            return name is not None and value.lower() in name.lower()
        if control == "sample":
            return value.lower() in str(self.samples["id"][i]).lower()
        if control == "issues":
            return i in self.suspected
        if control == "compare":
            other = self.data["compare"]["error"][i]
            if error is None or other is None:
                return False
            if self.affect:
                return value == ("both" if error == other else "this" if error < other else "other")
            return (
                value
                == {(True, True): "both", (True, False): "this", (False, True): "other", (False, False): "neither"}[
                    error == 0, other == 0
                ]
            )
        raise ValueError(control)

    def passing(self, control: str, value) -> set[int]:
        return {i for i in range(self.n) if self.passes(i, control, value)}

    def output_of(self, issue: int) -> str:
        return "expression" if self.expression else self.classes[self.data["issues"]["output"][issue]]

    def label_of(self, issue: int, column: str = "label") -> str:
        value = self.data["issues"][column][issue]
        if value is None:
            return ""
        if self.expression:
            return self.classes[value]
        return str(value) if self.units else repr(value)
