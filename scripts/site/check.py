"""Links, anchors and references.

    python3 scripts/site/check.py sources    every relative link of every Markdown file of the repository
    python3 scripts/site/check.py site DIR   the built site: links, pages that nothing leads to, references to other hosts

Prints what is wrong, with file and line, and ends with 1. Needs nothing but Python.
"""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from anchors import numbered, slug

ROOT = Path(__file__).resolve().parent.parent.parent
# Templates: their links are made when a report is written.
LEFT_OUT = ("reports/templates/",)
FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")


def prose(text):
    """The text with all code and comments as spaces; every line and column stays where it is."""

    def blank(found):
        return re.sub(r"[^\n]", " ", found[0])

    lines, fence = [], ""
    for line in text.split("\n"):
        mark = FENCE.match(line)
        if fence:
            if mark and line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
            lines.append(" " * len(line))
        elif mark:
            fence = mark[1]
            lines.append(" " * len(line))
        else:
            lines.append(line)
    text = re.sub(r"<!--.*?-->", blank, "\n".join(lines), flags=re.DOTALL)
    # A span of code may go on in the next line, but not beyond the paragraph.
    return re.sub(r"(?<!`)(`+)(?!`)((?:(?!\n\s*\n).)+?)(?<!`)\1(?!`)", blank, text, flags=re.DOTALL)


def headings(text):
    """The texts of the headings; code in them counts, code blocks do not."""
    plain = prose(text).split("\n")
    lines = text.split("\n")
    for place, line in enumerate(plain):
        if re.match(r" {0,3}#{1,6}\s", line):
            yield re.sub(r"^\s*#+\s+|\s+#+\s*$", "", lines[place])
        elif place and re.fullmatch(r" {0,3}(=+|-{2,})\s*", line) and re.match(r"\s{0,3}[^\s|>#-]", plain[place - 1]):
            yield lines[place - 1]


def anchors(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".html":
        return set(re.findall(r'\bid="([^"]+)"', text))
    texts = (re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings(text))
    return {*numbered(map(slug, texts)), *re.findall(r'<a\s+(?:id|name)="([^"]+)"', prose(text))}


def links(text):
    """The target of each link, picture and definition, with its line."""
    plain = prose(text)
    for pattern in (
        r"\]\(\s*<([^>]*)>",
        r"\]\(\s*([^\s()<>]+(?:\([^\s()]*\)[^\s()]*)*)(?:\s+[\"'(][^\n]*?[\"')])?\s*\)",
        r"^ {0,3}\[[^\]\n]+\]:\s*<?([^\s>]+)",
        r"<(?:a|img)\b[^>]*?\b(?:href|src)=\"([^\"]*)\"",
    ):
        for found in re.finditer(pattern, plain, re.MULTILINE):
            yield plain.count("\n", 0, found.start(1)) + 1, found[1]


def sources():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    names = [name for name in sorted(set(listed.split("\0"))) if name and not name.startswith(LEFT_OUT)]
    wrong = checked = 0
    for name in names:
        path = ROOT / name
        if not path.is_file():
            # Deleted, but not yet from the index.
            continue
        for line, link in links(path.read_text(encoding="utf-8")):
            target = urlsplit(link)
            if target.scheme or target.netloc:
                continue
            checked += 1
            fault = broken(path, target)
            if fault:
                print(f"{name}:{line}: {link}: {fault}")
                wrong += 1
    print(f"{checked} relative links in {len(names)} files of Markdown, {wrong} broken")
    return wrong


def broken(path, target):
    if target.path.startswith("/"):
        return "begins with /: say it relative to the file"
    # The path as it is written: on disks that do not tell small letters from large ones, it must still be the name.
    there = Path(os.path.normpath(path.parent / unquote(target.path))) if target.path else path
    if ROOT not in there.parents and there != ROOT:
        return "leads out of the repository"
    if not there.exists() or (there != ROOT and there.name not in os.listdir(there.parent)):
        return "no such file"
    if not target.fragment:
        return ""
    if there.is_dir():
        there = there / "README.md"
    if there.suffix not in (".md", ".html") or not there.is_file():
        return "" if re.fullmatch(r"L\d+(-L\d+)?", target.fragment) else "has no anchors"
    return "" if unquote(target.fragment) in anchors(there) else "no such heading"


FILES = r"\.(?:m?js|css|woff2?|ttf|otf|eot|png|jpe?g|gif|webp|avif|svg|ico|wasm|json)\b"
LOADED = {"stylesheet", "icon", "preload", "modulepreload", "prefetch", "preconnect", "dns-prefetch", "manifest"}


class Built(HTMLParser):
    """What a built page leads to, and what it loads."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.links, self.loads, self.ids, self.text = [], [], set(), []
        self.inside = ""

    def handle_starttag(self, tag, attributes):
        named = {key: value or "" for key, value in attributes}
        line = self.getpos()[0]
        self.inside = tag if tag in ("script", "style") else ""
        if "id" in named:
            self.ids.add(named["id"])
        if tag == "a" and "href" in named:
            self.links.append((line, named["href"]))
        if tag == "link" and set(named.get("rel", "").lower().split()) & (LOADED | {"apple-touch-icon", "shortcut"}):
            self.loads.append((line, named.get("href", "")))
        for key in ("src", "data", "poster", "background"):
            if key in named and not (key == "data" and tag != "object"):
                self.loads.append((line, named[key]))
        if tag in ("use", "image", "feimage"):
            self.loads += [(line, named[key]) for key in ("href", "xlink:href") if key in named]
        for part in named.get("srcset", "").split(","):
            if part.strip():
                self.loads.append((line, part.split()[0]))
        if "style" in named:
            self.loads += [(line, url) for url in loaded_by_style(named["style"])]

    def handle_endtag(self, tag):
        if tag == self.inside:
            self.inside = ""

    def handle_data(self, data):
        line = self.getpos()[0]
        if self.inside == "style":
            self.loads += [(line, url) for url in loaded_by_style(data)]
        elif self.inside == "script":
            self.loads += [(line, url) for url in loaded_by_script(data)]


def loaded_by_style(text):
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return [a or b for a, b in re.findall(r"url\(\s*[\"']?([^\"')]*)|@import\s+[\"']([^\"']*)", text)]


def loaded_by_script(text):
    """Addresses of other hosts that a script names as a file to load; those in comments and of licences are none."""
    quoted = rf"[\"'`]((?:https?:)?//[^\"'`\s]+?{FILES}[^\"'`\s]*)[\"'`]"
    called = r"(?:import|importScripts|fetch|Worker|open)\s*\(\s*[\"'`]((?:https?:)?//[^\"'`]*)"
    return re.findall(quoted, text) + re.findall(called, text)


def site(folder):
    pages, said, wrong = {}, {}, 0

    def complain(path, line, fault):
        nonlocal wrong
        # What stands in every page, as the navigation does, is said of the first ones.
        said[fault] = said.get(fault, 0) + 1
        if said[fault] <= 3:
            print(f"{path.relative_to(folder)}:{line}: {fault}")
        wrong += 1

    for path in sorted(folder.rglob("*")):
        if path.suffix in (".html", ".svg"):
            page = Built()
            page.feed(path.read_text(encoding="utf-8"))
            page.close()
            loads = page.loads
            if path.suffix == ".html":
                pages[path] = page
        elif path.suffix == ".css":
            loads = [(1, url) for url in loaded_by_style(path.read_text(encoding="utf-8"))]
        elif path.suffix in (".js", ".mjs"):
            loads = [(1, url) for url in loaded_by_script(path.read_text(encoding="utf-8"))]
        else:
            continue
        for line, url in loads:
            if re.match(r"\s*(?:https?:|wss?:|ftp:)?//", url, re.IGNORECASE):
                complain(path, line, f"loads from another host: {url}")

    reached, waiting = set(), [folder / "index.html"]
    followed = 0
    while waiting:
        path = waiting.pop()
        if path in reached or path not in pages:
            continue
        reached.add(path)
        for line, link in pages[path].links:
            target = urlsplit(link)
            if target.scheme or target.netloc:
                continue
            followed += 1
            there = Path(os.path.normpath(path.parent / unquote(target.path))) if target.path else path
            there = there / "index.html" if there.is_dir() else there
            if not there.is_file():
                complain(path, line, f"no such file: {link}")
            elif target.fragment and there in pages and unquote(target.fragment) not in pages[there].ids:
                complain(path, line, f"no such anchor: {link}")
            waiting.append(there)
    for path in sorted(set(pages) - reached - {folder / "404.html"}):
        complain(path, 1, "no navigation and no link leads here")
    print(f"{len(pages)} pages of the site, {followed} links, {wrong} faults")
    return wrong


if __name__ == "__main__":
    if sys.argv[1:] == ["sources"]:
        sys.exit(1 if sources() else 0)
    if len(sys.argv) == 3 and sys.argv[1] == "site":
        sys.exit(1 if site(Path(sys.argv[2]).resolve()) else 0)
    sys.exit("usage: check.py sources | check.py site DIR")
