"""A page with the explorer and made-up samples, around the templates of the report: for development and for checks."""

import base64
import json
import math
import random
import re
import struct
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = ROOT / "reports/templates"
VENDOR = ROOT / "reports/vendor"

# The order in which the page carries its programs.
D3 = ["color", "dispatch", "ease", "interpolate", "quadtree", "selection", "timer", "transition", "drag", "zoom"]
PARTS = ["explorer_core", "explorer_view", "explorer_map", "explorer_panel", "explorer_list", "explorer_review", "explorer"]

CLASSES = ["neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"]
UNITS = ["au01", "au02", "au04", "au06", "au07", "au10", "au12", "au14", "au15", "au17", "au23", "au24"]
SIDE, COLUMNS, PER_SHEET = 48, 32, 1024

# What a data set may hold and a page must not obey.
HOSTILE = [
    "</script><script>window.hacked=1</script>",
    "<img src=x onerror=window.hacked=1>",
    '"><svg/onload=window.hacked=1>',
    "' onmouseover='window.hacked=1",
    "\u001b[31mred\u001b[0m \u001b]8;;https://example.org\u0007link\u001b]8;;\u0007",
    "\u202egnp.exe\u202c",
    "nul\u0000inside",
    'line\r\nbreak\ttab, comma, "quote"',
    '=HYPERLINK("https://example.org")',
    "javascript:window.hacked=1",
    "<!--<script>",
    "{{ 7 * 7 }}{% raw %}",
    "__proto__",
    "long" + "x" * 3000,
    "عربي/وجه ١",
    "😀‍🔥 ￿ \u2028 \u2029",
]


def png(width: int, rows: list[bytes]) -> str:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, len(rows), 8, 2, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows), 6)
    whole = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(whole).decode()


def drawn(kind: int) -> list[list[tuple[int, int]]]:
    """The rows of a face as runs of (what, length): 0 ground, 1 skin, 2 features. The mouth tells the class."""
    rows = []
    for y in range(SIDE):
        cells = []
        for x in range(SIDE):
            dx, dy = (x - 23.5) / 17, (y - 22.5) / 20
            what = 1 if dx * dx + dy * dy <= 1 else 0
            if what:
                if abs(y - 17) <= 2 and (abs(x - 16) <= 2 or abs(x - 31) <= 2):
                    what = 2
                bend = [0, 4, -4, 0, -2, -3, 2, 1][kind % 8]
                mouth = 32 - bend * (((x - 23.5) / 8) ** 2) + bend / 2
                thick = 4 if kind % 8 in (3, 4) else 1.2
                if abs(x - 23.5) <= (4 if kind % 8 == 3 else 8) and abs(y - mouth) <= thick:
                    what = 2
            cells.append(what)
        runs, last = [], 0
        for at in range(1, SIDE + 1):
            if at == SIDE or cells[at] != cells[last]:
                runs.append((cells[last], at - last))
                last = at
        rows.append(runs)
    return rows


FACES = [drawn(kind) for kind in range(8)]


def face(kind: int, index: int, rng: random.Random) -> list[bytes]:
    shade = rng.random()
    colours = [
        bytes(rng.randrange(60, 200) for _ in range(3)),
        bytes(int(low + (high - low) * shade) for low, high in ((96, 246), (62, 214), (44, 186))),
        bytes((34, 24, 22)),
    ]
    rows = [b"".join(colours[what] * length for what, length in runs) for runs in FACES[kind % 8]]
    # The index in the last rows, a bit a square of three pixels: which face is shown can be read off a picture.
    bits = b"".join((b"\xff\xff\xff" if index >> bit & 1 else b"\0\0\0") * 3 for bit in range(16))
    rows[-3:] = [bits] * 3
    return rows


def sheets(kinds: list[int], rng: random.Random) -> list[str]:
    found = []
    for start in range(0, len(kinds), PER_SHEET):
        part = kinds[start : start + PER_SHEET]
        blank = bytes(3 * SIDE)
        rows = []
        for line in range(0, len(part), COLUMNS):
            tiles = [face(kind, start + line + at, rng) for at, kind in enumerate(part[line : line + COLUMNS])]
            for y in range(SIDE):
                row = b"".join(tile[y] for tile in tiles)
                rows.append(row + blank * (COLUMNS - len(tiles)))
        found.append(png(COLUMNS * SIDE, rows))
    return found


def spread(rng: random.Random, centre: tuple[float, float], wide: float) -> tuple[float, float]:
    return centre[0] + rng.gauss(0, wide), centre[1] + rng.gauss(0, wide)


def data(n: int, task: str, hostile: bool = False, compare: bool = False, bare: bool = False, seed: int = 7) -> dict:
    rng = random.Random(seed)
    expression, units = task == "expression", task == "action_units"
    classes = list(CLASSES) if expression else ["valence", "arousal"] if task == "valence_arousal" else list(UNITS)
    outputs = len(classes)
    count = 24 if expression else 20
    groups = 8 if expression else 5
    # Archetypes: near the middle of a class, or anywhere in the plane.
    centres, of_class = [], []
    for a in range(count):
        group = a % groups
        turn = 2 * math.pi * group / groups
        middle = (3.2 * math.cos(turn), 3.2 * math.sin(turn)) if group or not expression else (0.0, 0.0)
        centres.append(spread(rng, middle, 0.75))
        of_class.append(group)
    support_each = 6
    total = n + count * support_each if n else 0
    train = set(range(n, total))

    def value(x: float, y: float) -> list[float]:
        return [max(-1.0, min(1.0, v / 4.2)) for v in (x, y)]

    unit_of = [[1 if rng.random() < 0.28 else 0 for _ in range(outputs)] for _ in range(count)] if units else []
    columns: dict[str, list] = {name: [] for name in ("archetype", "similarity", "second", "margin", "error", "doubt", "flipped")}
    label: list[list] = [[] for _ in range(outputs)]
    prediction: list[list] = [[] for _ in range(outputs)]
    output: list[list] = [[] for _ in range(outputs)]
    places, kinds = [], []
    for i in range(total):
        home = (i - n) // support_each if i in train else rng.choices(range(count), [1 / (1 + a % 9) for a in range(count)])[0]
        x, y = spread(rng, centres[home], 0.12 if i in train else 0.55)
        places.append((x, y))
        order = sorted(range(count), key=lambda a: (centres[a][0] - x) ** 2 + (centres[a][1] - y) ** 2)
        near = [math.exp(-0.11 * math.hypot(centres[a][0] - x, centres[a][1] - y)) for a in order[:2]]
        first, second = order[:2]
        unlabelled = rng.random() < 0.01 and i not in train
        columns["archetype"].append(first)
        columns["second"].append(second)
        columns["similarity"].append(round(near[0], 4))
        columns["margin"].append(round(near[0] - near[1], 4))
        columns["doubt"].append(None if rng.random() < 0.1 else round(rng.choice([0, 0, 0, 1 / 3, 2 / 3, 1]), 4))
        columns["flipped"].append(rng.random() < 0.05)
        kinds.append(of_class[first])
        if expression:
            read = of_class[first]
            truth = None if unlabelled else read if rng.random() < 0.78 else rng.randrange(outputs)
            label[0].append(truth)
            prediction[0].append(read)
            shares = [rng.random() * 0.3 for _ in range(outputs)]
            shares[read] += 0.6 + rng.random()
            for o in range(outputs):
                output[o].append(round(shares[o] / sum(shares), 4))
            columns["error"].append(None if truth is None else int(truth != read))
        elif units:
            read = unit_of[first]
            truth = [None if unlabelled or rng.random() < 0.01 else unit if rng.random() < 0.93 else 1 - unit for unit in read]
            for o in range(outputs):
                label[o].append(truth[o])
                prediction[o].append(read[o])
                output[o].append(round(0.85 * read[o] + rng.random() * 0.15, 4))
            columns["error"].append(
                None if unlabelled else sum(t is not None and t != r for t, r in zip(truth, read, strict=True))
            )
        else:
            read = [max(-1.0, min(1.0, v + rng.gauss(0, 0.04))) for v in value(*centres[first])]
            truth = [None, None] if unlabelled else [round(v, 3) for v in value(x + rng.gauss(0, 0.5), y + rng.gauss(0, 0.5))]
            for o in range(2):
                label[o].append(truth[o])
                prediction[o].append(round(read[o], 4))
                output[o].append(round(read[o], 4))
            columns["error"].append(None if unlabelled else round(math.dist(truth, read), 4))

    ids = [f"{'train' if i in train else 'test'}/{i:06d}" for i in range(total)]
    files = [f"images/{name}.png" if i % 50 else None for i, name in enumerate(ids)]
    subjects = [f"S{s:03d}" for s in range(1, 41)]
    rank: dict[int, int] = {}
    names = []
    for a in range(count):
        rank[of_class[a]] = rank.get(of_class[a], 0) + 1
        names.append(f"{classes[of_class[a]]} P{rank[of_class[a]]}" if expression else f"archetype {a + 3}")
    run = f"made-up-{task}-{n}"
    notes = (
        [f"Shown are {n:,} of {16 * n:,} test samples, drawn at random, and the training samples nearest to each archetype."]
        if n
        else []
    )
    if hostile:
        for i in range(min(total, 400)):
            ids[i] = f"{HOSTILE[i % len(HOSTILE)]} {i}"
            files[i] = HOSTILE[(i + 5) % len(HOSTILE)]
        subjects = [f"{subject} {HOSTILE[s % len(HOSTILE)]}" for s, subject in enumerate(subjects)]
        classes = [f"{name} {HOSTILE[c % len(HOSTILE)]}" for c, name in enumerate(classes)]
        names = [f"{name} {HOSTILE[a % len(HOSTILE)]}" for a, name in enumerate(names)]
        run = HOSTILE[1] + HOSTILE[7]
        notes += HOSTILE
    pictured = [i for i in range(total) if i % 97 != 5][:3000]
    if total > 3000:
        # The training samples come last and are what a page shows first.
        pictured = pictured[: 3000 - len(train)] + sorted(train)
    index = {i: at for at, i in enumerate(pictured)}
    why = {str(i): "image missing" for i in range(min(total, 20000)) if i not in index and i % 97 == 5}
    why[""] = "not among the images shown"

    support = [list(range(n + a * support_each, n + (a + 1) * support_each)) if n else [] for a in range(count)]
    for a in range(count):
        support[a].sort(key=lambda i: -columns["similarity"][i])
    flows: dict[str, list] = {name: [] for name in ("epoch", "from", "to", "n", "cause")}
    for epoch in range(0 if bare else 12):
        for a in range(count):
            others = [] if epoch else [None]
            others += rng.sample(range(count), 2) if epoch else []
            for other in others:
                row = (
                    epoch,
                    other,
                    a,
                    rng.randrange(20, 200) if other is None else max(0, int(rng.gauss(30, 12) / epoch)),
                    "start" if other is None else "merge" if rng.random() < 0.05 else "training",
                )
                if other != a and row[3]:
                    for name, cell in zip(flows, row, strict=True):
                        flows[name].append(cell)

    issues: dict[str, list] = {name: [] for name in ("sample", "output", "label", "suggested", "votes", "seeds", "score")}
    doubtful = [i for i in range(total) if (columns["error"][i] or 0) > (0 if expression else 1 if units else 0.3)]
    for i in [] if bare else doubtful[:90]:
        o = None if expression else rng.randrange(outputs)
        if units:
            o = next(o for o in range(outputs) if label[o][i] is not None and label[o][i] != prediction[o][i])
        at = 0 if o is None else o
        row = (
            i,
            o,
            label[at][i],
            prediction[at][i],
            rng.randrange(2, 4),
            3,
            None if rng.random() < 0.2 else round(rng.random() * 0.4, 3),
        )
        for name, cell in zip(issues, row, strict=True):
            issues[name].append(cell)

    def shape(values: list[list]) -> list:
        return values[0] if expression else values

    maps = []
    if n and not bare:
        on = list(range(n))
        maps = [
            {
                "name": "aura", "title": "AURA: samples and archetypes", "measures": {"silhouette": 0.41, "purity": 0.78},
                "sample": on, "x": [round(places[i][0], 4) for i in on], "y": [round(places[i][1], 4) for i in on],
                "archetype": list(range(count)), "ax": [round(c[0], 4) for c in centres], "ay": [round(c[1], 4) for c in centres],
            },
            {
                "name": "encoder", "title": "Encoder: samples", "measures": {"silhouette": 0.08, "purity": 0.52},
                "sample": on, "x": [round(places[i][1] + rng.gauss(0, 1), 4) for i in on], "y": [round(places[i][0] * 0.6 + rng.gauss(0, 1), 4) for i in on],
                "archetype": [], "ax": [], "ay": [],
            },
        ]  # fmt: skip
    other = None
    if compare:
        wrong = [
            None
            if error is None
            else (rng.randrange(2) if expression else rng.randrange(4) if units else round(rng.random() * 0.6, 4))
            for error in columns["error"]
        ]
        there = [
            [
                None if v is None else v if not w else (v + 1) % outputs if expression else v
                for v, w in zip(values, wrong, strict=True)
            ]
            for values in (label[:1] if expression else prediction)
        ]
        other = {
            "run": "another-run", "prediction": shape(there), "error": wrong,
            "archetype_name": [rng.choice(names) for _ in range(total)], "margin": [round(rng.random() * 0.1, 4) for _ in range(total)],
        }  # fmt: skip

    def near(a: int) -> list:
        order = sorted((b for b in range(count) if b != a), key=lambda b: math.dist(centres[a], centres[b]))
        return [[b, round(math.exp(-0.11 * math.dist(centres[a], centres[b])), 4)] for b in order[:5]]

    def archetype_output(a: int) -> list[float]:
        if expression:
            return [round(0.72 if c == of_class[a] else 0.04, 4) for c in range(outputs)]
        return [float(unit) * 0.8 + 0.1 for unit in unit_of[a]] if units else [round(v, 4) for v in value(*centres[a])]

    return {
        "schema": 1, "run": run, "task": task, "dataset": "made-up", "stand_in": True, "notes": notes,
        "classes": classes, "splits": ["train", "val", "test"], "subjects": subjects,
        "samples": {
            "id": ids, "file": files, "split": [0 if i in train else 2 for i in range(total)],
            "subject": [None if i % 31 == 0 else rng.randrange(len(subjects)) for i in range(total)],
            "label": shape(label), "prediction": shape(prediction), "output": None if bare else output, **columns,
            "face": [None if bare else index.get(i) for i in range(total)],
        },
        "archetypes": {
            "id": [a + 3 for a in range(count)], "name": names, "label": [of_class[a] if expression else None for a in range(count)],
            "uses": [int(400 / (1 + a % 9)) + a for a in range(count)],
            "value": [archetype_output(a) for a in range(count)], "output": [archetype_output(a) for a in range(count)],
            "support": support, "support_similarity": [[columns["similarity"][i] for i in rows] for rows in support],
            "neighbours": [near(a) for a in range(count)],
        },
        "maps": maps, "flows": flows, "issues": issues, "compare": other,
        "faces": {"kind": "none", "why": {"": "images left out"}} if bare
        else {"kind": "sprites", "side": SIDE, "columns": COLUMNS, "per_sheet": PER_SHEET, "sheets": sheets([kinds[i] for i in pictured], rng), "why": why},
    }  # fmt: skip


def page(found: dict) -> str:
    """The page as the report makes it: the same head, styles, order of programs, and form of the data."""

    def text(path: Path) -> str:
        return path.read_text(encoding="utf-8")

    def font(name: str) -> str:
        return base64.b64encode((ROOT / "reports/fonts" / name).read_bytes()).decode()

    head = text(TEMPLATES / "head.html")
    css = text(ROOT / "reports/css/report.css") + text(ROOT / "reports/css/explorer.css")
    for name, value in (
        ("css", css),
        ("title", "Explorer of made-up samples"),
        ("font_regular", font("OpenSans-Regular.ttf")),
        ("font_bold", font("OpenSans-Semibold.ttf")),
    ):
        head = head.replace("{{ " + name + " }}", value)
    # What a page may do is said once, where the report is made.
    policy = re.search(r'const POLICY: &str =\s*"(.*?)";', text(ROOT / "src/report/page.rs"), re.S)
    head = head.replace("{{ csp|safe }}", policy[1])
    programs = (
        [text(VENDOR / "notice.js")]
        + [text(VENDOR / f"d3-{name}.min.js") for name in D3]
        + [text(TEMPLATES / f"{name}.js") for name in PARTS]
        + [text(TEMPLATES / "page.js")]
    )
    # Data are in the page, not at an address.
    explorer = re.sub(r"\{% if source is defined %\}.*?\{% endif %\}", "", text(TEMPLATES / "explorer.html"))
    blob = json.dumps(found, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    scripts = "\n".join(f"<script>\n{program}\n</script>" for program in programs)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
{head}
</head>
<body>
<p class="banner" role="note"><strong>Stand-in.</strong> Every image behind these numbers was drawn by a program.</p>
<header><h1>Explorer of made-up samples</h1>
<nav aria-label="Contents"><ul><li><a href="#explorer">Explorer</a></li><li><a href="#after">After</a></li></ul></nav></header>
<main id="main">
{explorer}
<section id="after" aria-labelledby="heading-after"><h2 id="heading-after">After</h2><p>What comes after the explorer keeps its anchor.</p></section>
</main>
<script type="application/json" id="explorer-data">{blob}</script>
{scripts}
</body>
</html>
"""
