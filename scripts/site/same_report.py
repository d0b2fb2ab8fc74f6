"""Whether two reports of one recipe say the same, but for what differs between machines.

    python3 scripts/site/same_report.py KEPT FRESH

Compares the lists of files, and the text of every page, table and drawing. Floating-point results differ in their last digits
between processors, and so may what follows from them: how many archetypes are kept, which samples are doubted, which rival is
level. Such places are masked:

- numbers, digests, times, names of samples and of runs, and images that a page carries are put out everywhere;
- the rows of a table and the texts of a drawing are compared as sets;
- of the explorer's data the form is compared: its keys, and what is no number;
- where the data decide which class stands in a place (rows of single samples, panels of images, the most frequent confusion),
  classes are put out, and words of VARIABLE may come and go.

Everything else must be the same: headings, columns, captions, names of classes and methods, warnings, queries, styles.
Of pictures (PNG, JPEG) only the names are compared. Needs nothing but Python.
"""

import csv
import difflib
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

# What may stand in the description of a figure of images besides classes and numbers; any other word must be there in both.
VARIABLE = set(
    "archetype archetypes samples sample its images labelled otherwise no cosine of the pair support training assigned to it "
    "test split".split()
)
# Lines of a panel that only some samples have: a label beside the number, a mark, a frame; and what a drawing cuts.
SOMETIMES = {
    "# labelled…",
    "# labelled ‹class›; cosine of the pair #",
    "<b>",
    "<br>",
    "<li class=contradicts>",
    "<li>",
    "<small>",
    "<span class=mark>",
    "changed on purpose",
    "no images",
    "‹class›",
}
IMAGES = re.compile(r"(# panels of images|Contact sheet [^:]*? of # archetypes)[.:]")
NUMBER = r"[-−+]?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?"


class Masks:
    """Puts out what differs between machines. Classes are those of the kept report: a new name is no class, and is seen."""

    def __init__(self, classes):
        names = "|".join(sorted(map(re.escape, classes), key=len, reverse=True))
        self.classes = re.compile(rf"\b(?:{names})\b")

    def line(self, text):
        """What is put out everywhere."""
        text = re.sub(r"data:[^\"')\s]*", "data:", text).replace("\\_", "_")
        text = re.sub(r"\b([a-z_]+)-[0-9a-f]{8}\b", r"\1-‹digest›", text)
        text = re.sub(r"\b[0-9a-f]{64}\b", "‹digest›", text)
        text = re.sub(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "‹time›", text)
        text = re.sub(r"\b(?:train|test)_\d+\b", "‹sample›", text)
        # Not the digits of a name: table1_expression, f1_macro, P1, --colour2.
        text = re.sub(rf"(?<![A-Za-z_\d#]){NUMBER}(?![A-Za-z_\d])", "#", text)
        text = re.sub(r"#(?:(?:\s*(?:–|·|±|\$\\pm\$)\s*|\s+to\s+|, )#)+", "#", text)
        text = re.sub(r"\bP\d+\b", "P#", text)
        # What a page opens with: which rival is the best, and how AURA stands against it.
        text = re.sub(r"\bis (?:above|below|level with) (the best of # rivals on the test split|its one rival), .*, at #", r"is ‹verdict› \1, ‹rival›, at #", text)
        text = re.sub(r"\blead (?:above|below|level)\b", "lead ‹verdict›", text)
        return re.sub(r"\s+", " ", text).strip()

    def row(self, cells):
        """One row of a table; a row of one sample says of it what the data decide."""
        cells = [self.line(cell) for cell in cells]
        if "‹sample›" in cells:
            cells = [self.data(cell) for cell in cells]
        if "confident learning" in cells:
            # It may doubt no label of the training split, and then there is no precision.
            cells = ["#" if cell in ("", "—", "---") else cell for cell in cells]
        cells = ["‹verdict›" if cell in ("above", "below", "level") else cell for cell in cells]
        return " | ".join(cells)

    def data(self, cell):
        cell = self.classes.sub("‹class›", cell)
        return "‹flag›" if cell in ("yes", "no", "true", "false") else "‹split›" if cell in ("train", "test") else cell

    def described(self, text):
        """The description of a figure. One of images begins with what it is; the rest follows the data."""
        text = self.line(text)
        begin = IMAGES.match(text)
        if begin:
            words = set(re.findall(r"[^\W\d_#]+|‹\w+›|P#", self.classes.sub("‹class›", text[begin.end() :])))
            return " ".join([begin[0], *sorted(words - VARIABLE - {"‹class›", "‹sample›", "P#"})])
        listed = re.match(r"(Every method with its [^:]*: )(.*)\.$", text)
        if listed:
            return listed[1] + "; ".join(sorted(listed[2].split("; ")))
        return re.sub(
            r"(Most frequent confusion: )(.*?)( taken for )(.*?)( in # %)",
            lambda m: m[1] + self.classes.sub("‹class›", m[2]) + m[3] + self.classes.sub("‹class›", m[4]) + m[5],
            text,
        )


class Page(HTMLParser):
    """A page, or a drawing, as lines."""

    VOID = {"meta", "link", "img", "br", "input", "hr"}
    KEPT = ("class", "id", "href", "src", "name", "content", "scope", "role", "lang", "type", "title", "alt", "aria-label")

    def __init__(self, masks):
        super().__init__(convert_charrefs=True)
        self.masks = masks
        self.lines = []
        # Open elements, and beside each, where it is compared as a set, what has been seen in it.
        self.open = []
        self.text = []
        self.row = None
        self.data_of_explorer = False

    @property
    def sets(self):
        return [seen for _, seen in self.open if seen is not None]

    def add(self, line):
        if not line:
            return
        if self.sets:
            self.sets[0].add(line)
        else:
            self.lines.append(line)

    def flush(self):
        text = "".join(self.text)
        self.text = []
        if self.data_of_explorer:
            self.lines += form(json.loads(text)) if text.strip() else []
        elif self.open and self.open[-1][0] in ("script", "style", "code"):
            for line in text.splitlines():
                self.add(self.masks.line(line))
        elif self.row is None:
            text = self.masks.line(text)
            if self.free():
                # A drawing cuts what is too long for its place; where, follows from the class.
                text = re.sub(r"^(\S+ \S+).*…$", r"\1…", self.masks.classes.sub("‹class›", text))
            self.add(text)
        elif text.strip():
            self.row[-1] += text

    def free(self):
        """Whether the data decide which classes stand here."""
        return any(isinstance(seen, Free) for seen in self.sets)

    def handle_starttag(self, tag, attributes):
        self.flush()
        attributes = dict(attributes)
        self.data_of_explorer = attributes.get("id") == "explorer-data"
        if tag == "tr":
            self.row = []
        elif tag in ("td", "th") and self.row is not None:
            self.row.append("")
        names = set((attributes.get("class") or "").split())
        seen = None
        images = IMAGES.match(self.masks.line(attributes.get("aria-label") or ""))
        if tag == "tbody" or (tag == "svg" and not images):
            seen = set()
        elif images or {"sheet", "panels", "panel"} & names or (tag == "nav" and attributes.get("aria-label") == "Panels"):
            seen = Free()
        if tag not in self.VOID:
            self.open.append((tag, seen))
        if self.row is None:
            self.add(self.element(tag, attributes))

    def handle_startendtag(self, tag, attributes):
        self.flush()
        if self.row is None:
            self.add(self.element(tag, dict(attributes)))

    def element(self, tag, attributes):
        if tag != "svg" and any(name == "svg" for name, _ in self.open):
            return ""
        kept = []
        for name in self.KEPT:
            if name in attributes:
                value = self.masks.described(attributes[name] or "")
                if self.free():
                    # Panels are counted: panel-1, heading-2.
                    value = re.sub(r"^(#?(?:panel|heading)-)\d+$", r"\1#", self.masks.classes.sub("‹class›", value))
                kept.append(f"{name}={value}")
        return f"<{' '.join([tag, *kept])}>"

    def handle_endtag(self, tag):
        self.flush()
        self.data_of_explorer = False
        if tag == "tr" and self.row is not None:
            row, self.row = self.masks.row(self.row), None
            self.add(row)
        while self.open:
            name, seen = self.open.pop()
            if seen is not None and not self.sets:
                block = sorted(seen - SOMETIMES if isinstance(seen, Free) else seen)
                # As many panels as there are: one like the one before it is none the more.
                if not isinstance(seen, Free) or self.lines[-len(block) :] != block:
                    self.lines += block
            if name == tag:
                break

    def handle_data(self, data):
        self.text.append(data)

    def handle_comment(self, data):
        self.add(f"<!-- {self.masks.line(data)} -->")


def form(value, path=""):
    """The keys of the explorer's data, and its names: not how many there are of what."""
    if isinstance(value, dict):
        return [line for key, part in value.items() if key != "why" for line in form(part, f"{path}.{key}")]
    if path in (".classes", ".splits"):
        return [f"{path} {sorted(value)}"]
    if path in (".run", ".notes", ".subjects") or isinstance(value, (list, int, float)):
        return [path]
    return [f"{path} {value}"]


class Free(set):
    """A part of a page in which the data decide which classes stand where."""


def markdown(text, masks):
    lines, rows, before = [], set(), ""
    for line in text.splitlines():
        if line.startswith("|"):
            row = masks.row([cell.strip() for cell in line.strip("|").split(" | ")])
            if before.startswith("|"):
                rows.add(row)
            else:
                # The first line of a table names its columns.
                lines.append(row)
            before = line
            continue
        before = line
        lines += sorted(rows)
        rows = set()
        image = re.fullmatch(r"!\[(.*)\]\((.*)\)", line)
        lines.append(f"![{masks.described(image[1])}]({image[2]})" if image else masks.line(line))
    return lines + sorted(rows)


def latex(text, masks):
    lines, rows = [], set()
    text = text.replace("\\allowbreak{}", "").replace("{-}", "-").replace("$-$", "−")
    text = re.sub(r"(?<=\d)--(?=\d|−)", "–", text)
    # Where a header is broken follows from the widths of the numbers below it.
    text = re.sub(r"\\begin\{tabular\}\[b\]\{[^}]*\}[lcr]@\{\}\}(.*?)\\end\{tabular\}", lambda m: m[1].replace("\\\\", " "), text)
    for line in text.splitlines():
        if " & " in line and "tabular" not in line and "\\textbf" not in line and re.search(r"\d", line):
            rows.add(masks.row([cell.strip() for cell in line.removesuffix("\\\\").split(" & ")]))
        elif line.strip() == "\\midrule" and rows:
            # Between groups of rows: as many as there are groups.
            continue
        else:
            lines += sorted(rows)
            rows = set()
            lines.append(masks.line(line))
    return lines + sorted(rows)


def table(text, masks):
    rows = list(csv.reader(text.splitlines()))
    return [",".join(rows[0]), *sorted({masks.row(row) for row in rows[1:]})]


def page(text, masks):
    parser = Page(masks)
    parser.feed(text)
    parser.close()
    parser.flush()
    return parser.lines


READERS = {".html": page, ".svg": page, ".md": markdown, ".tex": latex, ".csv": table}


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")}


def classes(folder):
    text = (folder / "report.md").read_text(encoding="utf-8")
    found = re.search(r"^\| Classes \| (.*) \|$", text, re.MULTILINE)
    if not found:
        sys.exit(f"{folder / 'report.md'}: no line of classes under its provenance")
    return found[1].split(", ")


def main(kept, fresh):
    masks = Masks(classes(kept))
    wrong = 0
    there, made = files(kept), files(fresh)
    for name in sorted(there ^ made):
        print(f"{name}: {'is no longer made' if name in there else 'is missing'}")
        wrong += 1
    for name in sorted(there & made):
        read = READERS.get(Path(name).suffix)
        if not read:
            for folder in (kept, fresh):
                if not (folder / name).read_bytes().startswith((b"\x89PNG", b"\xff\xd8\xff")):
                    print(f"{folder / name}: is no picture")
                    wrong += 1
            continue
        old, new = ([*read((folder / name).read_text(encoding="utf-8"), masks)] for folder in (kept, fresh))
        if old != new:
            wrong += 1
            for line in list(difflib.unified_diff(old, new, f"kept/{name}", f"fresh/{name}", lineterm="", n=1))[:40]:
                print(line if len(line) <= 300 else line[:300] + " …")
    return wrong


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: same_report.py KEPT FRESH")
    sys.exit(1 if main(Path(sys.argv[1]), Path(sys.argv[2])) else 0)
