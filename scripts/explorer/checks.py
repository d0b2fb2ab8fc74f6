"""The checks of a page with the explorer, each in a tab of its own, as a reader would use it."""

import csv
import io
import json
import math
import random
import re
import statistics
import sys
import urllib.parse
from pathlib import Path

from devtools import Browser, Gone, Tab
from expected import Expected, clip, embedded, fixed, visible

NAMED = {
    "button",
    "combobox",
    "image",
    "img",
    "searchbox",
    "textbox",
    "slider",
    "checkbox",
    "spinbutton",
    "link",
    "progressbar",
    "listbox",
    "application",
}

# How far the largest ring of an archetype reaches, in pixels.
RING = 22.0


class Check:
    def __init__(self, browser: Browser, page: Path, folder: Path, out: Path):
        self.browser, self.page, self.folder, self.out = browser, page, folder, out
        self.wrong = 0
        self.tabs: list[Tab] = []
        text = page.read_text(encoding="utf-8")
        # A copy under a plain name, so that neither the path nor its neighbours matter: the page must stand alone.
        (folder / "page.html").write_text(text, encoding="utf-8")
        self.url = (folder / "page.html").as_uri()
        data = embedded(text)
        if data is None:
            raise Gone("the page holds no explorer-data")
        self.x = Expected(data)
        self.data = data

    def complain(self, text: str) -> None:
        print(f"{self.page}: {text[:400]}", file=sys.stderr)
        self.wrong += 1

    def expect(self, holds: object, text: str) -> bool:
        if not holds:
            self.complain(text)
        return bool(holds)

    def tab(self, hash: str = "", **more) -> Tab:
        tab = Tab(self.browser, **more)
        self.tabs.append(tab)
        if not tab.open(self.url + hash) or tab.run("document.documentElement.dataset.explorer") != "ready":
            raise Gone(f"the explorer did not start: {tab.run('document.getElementById(`x-message`)?.textContent')}")
        tab.settle()
        return tab

    # ---- What holds of every tab ----

    def clean(self, tab: Tab, where: str) -> None:
        for event in tab.events("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
            self.complain(f"{where}: the console says {json.dumps(event['params'])[:300]}")
        for event in tab.events("Network.requestWillBeSent"):
            url = event["params"]["request"]["url"]
            if url != self.url and not url.startswith(("data:", self.url + "#")):
                # The exported file is of the page's own making.
                self.expect(url.startswith("blob:null/") or url.startswith("blob:file:"), f"{where}: it asked for {url[:120]}")
        self.expect(tab.run("window.hacked === undefined"), f"{where}: a program among the data was run")
        strange = tab.run(
            "[...document.querySelectorAll('#explorer *')].filter((e) => /^(script|iframe|object|embed|base|link|meta)$/i.test(e.tagName)"
            " || [...e.attributes].some((a) => /^on/i.test(a.name) || /^(href|src|action|formaction)$/i.test(a.name) && !/^face\\//.test(a.value))).map((e) => e.outerHTML.slice(0, 100))"
        )
        self.expect(not strange, f"{where}: elements that only data can have made: {strange}")
        controls = tab.run(
            r"(document.getElementById('explorer').textContent.match(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g) ?? []).length"
        )
        self.expect(controls == 0, f"{where}: {controls} control characters among its text")

    def fits(self, tab: Tab, width: int, where: str) -> None:
        wide = tab.run("document.documentElement.scrollWidth")
        if wide > width:
            widest = tab.run(
                "[...document.querySelectorAll('#explorer *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1).slice(0, 3)"
                ".map((e) => e.tagName + '#' + e.id + '.' + e.className)"
            )
            self.complain(f"{where}: it is {wide} pixels wide in a window of {width}: {widest}")

    def named(self, tab: Tab, where: str) -> None:
        for node in tab.send("Accessibility.getFullAXTree")["nodes"]:
            role = node.get("role", {}).get("value")
            if node.get("ignored") or role not in NAMED:
                continue
            if not node.get("name", {}).get("value", "").strip():
                made = tab.send("DOM.describeNode", backendNodeId=node["backendDOMNodeId"])["node"]
                self.complain(f"{where}: a {role} without a name: {made['localName']} {made.get('attributes')}")

    # ---- The parts ----

    def widths(self) -> None:
        details = []
        if self.data["archetypes"]["id"]:
            details.append(f"#archetype={self.data['archetypes']['id'][0]}")
        if self.x.n:
            details.append(f"#sample={urllib.parse.quote(visible_id(self.x, self.shown()), safe='')}")
        for width in (390, 1200, 1600):
            for theme in ("light", "dark"):
                tab = self.tab(width=width, height=844 if width < 500 else 1000, touch=width < 500, dark=theme == "dark")
                where = f"{width} pixels, {theme}"
                self.fits(tab, width, where)
                tab.picture(self.out / f"explorer-{width}-{theme}.png", whole=True)
                ground = tab.run("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]")
                self.expect((ground < 80) == (theme == "dark"), f"{where}: its ground is not {theme}")
                for at, hash in enumerate(details):
                    tab.run(f"location.hash = {json.dumps(hash)}; 0")
                    tab.until("!document.getElementById('x-detail').hidden")
                    tab.settle()
                    self.fits(tab, width, f"{where}, {hash[:40]}")
                    tab.picture(self.out / f"explorer-{width}-{theme}-{('archetype', 'sample')[at]}.png")
                if width < 500:
                    self.targets(tab)
                if theme == "light":
                    self.named(tab, where)
                self.clean(tab, where)
                tab.close()

    def targets(self, tab: Tab) -> None:
        tab.run("document.getElementById('x-fold').open = true; 0")
        low = tab.run(
            "[...document.querySelectorAll('#explorer :is(button, select, input[type=search], input[type=number], label.x-file, label.x-check)')]"
            ".filter((e) => e.checkVisibility({ visibilityProperty: true }) && e.getBoundingClientRect().height < 35.5).map((e) => `${e.id}.${e.className} ${e.getBoundingClientRect().height}`)"
        )
        self.expect(not low, f"phone: {len(low)} targets lower than 36 pixels: {low[:4]}")

    def shown(self) -> int:
        """A sample on the first map, else the first one."""
        return self.data["maps"][0]["sample"][0] if self.data["maps"] and self.data["maps"][0]["sample"] else 0

    def marks(self, tab: Tab) -> tuple[dict[int, tuple[float, float]], dict[int, tuple[float, float]]]:
        """Where the marks of the map lie in the window, if nothing covers them; two samples with one identifier count as the first."""
        tab.middle("#x-canvas")
        found = []
        for call, ids in (("place", self.data["samples"]["id"]), ("placeArchetype", self.data["archetypes"]["id"])):
            first: dict = {}
            for at, one in enumerate(ids):
                first.setdefault(one, at)
            places = tab.run(
                f"{json.dumps(list(first))}.map((id) => {{ const p = auraExplorer.{call}(id); return p && document.elementFromPoint(p.x, p.y)?.id === 'x-canvas' ? [p.x, p.y] : null; }})"
            )
            found.append({at: tuple(place) for at, place in zip(first.values(), places, strict=True) if place})
        return found[0], found[1]

    def isolated(self, places: dict[int, tuple[float, float]], rings: dict[int, tuple[float, float]], wanted) -> int | None:
        """Of up to 400 marks that are wanted the one that lies most alone. A ring reaches farther than a sample, and lies above it."""
        best, most = None, 5.0
        around = [(place, RING) for place in rings.values()] if rings is not places else []
        for i in [i for i in places if wanted(i)][:400]:
            away = min((math.dist(places[i], place) for j, place in places.items() if j != i), default=100.0)
            away = min([away, *(math.dist(places[i], place) - reach for place, reach in around)])
            if away > most:
                best, most = i, away
        return best

    def face(self, tab: Tab, selector: str, i: int, where: str) -> None:
        faces, index = self.data["faces"], self.x.column("face")[i]
        if index is None or faces["kind"] == "none":
            why = faces["why"].get(str(i), faces["why"].get("", "no picture"))
            said = tab.run(f"document.querySelector({json.dumps(selector + ' .x-missing')})?.textContent")
            self.expect(said == visible(why), f"{where}: in the place of the missing image stands {said!r}, not {why!r}")
        elif faces["kind"] == "sprites":
            sheet, at = divmod(index, faces["per_sheet"])
            found = tab.run(
                f"(() => {{ const e = document.querySelector({json.dumps(selector + ' .x-face')}), s = getComputedStyle(e);"
                " return [e.className, s.backgroundImage.slice(0, 15), s.backgroundPosition, s.backgroundSize]; })()"
            )
            wide, high = (float(part.rstrip("%")) / 100 for part in found[3].split())
            left, top = (float(part.rstrip("%")) / 100 for part in found[2].split())
            column, row = left * (wide - 1), top * (high - 1)
            right = f"x-sheet-{sheet}" in found[0].split() and found[1] == 'url("data:image' and round(wide) == faces["columns"]
            self.expect(
                right and (round(row), round(column)) == divmod(at, faces["columns"]),
                f"{where}: another image than number {index}: {found}",
            )

    def hovering(self) -> None:
        tab = self.tab()
        samples, rings = self.marks(tab)
        # Where all marks lie on each other, a reader comes nearer.
        for _ in range(5):
            if self.isolated(samples, rings, lambda _: True) is not None:
                break
            tab.press("#x-zoom-in")
            tab.wait(0.4)
            samples, rings = self.marks(tab)
        face = self.x.column("face")
        kinds = [
            ("a face", lambda i: face[i] is not None),
            ("a missing face", lambda i: face[i] is None),
            ("no label", lambda i: not self.x.known("label", i)),
        ]
        tried = 0
        for what, wanted in kinds:
            i = self.isolated(samples, rings, wanted)
            if i is None:
                continue
            tried += 1
            tab.move(*samples[i])
            where = f"the tip of a sample with {what}"
            if not self.expect(tab.run("!document.getElementById('x-tip').hidden"), f"{where} is not shown"):
                continue
            said = tab.run("document.getElementById('x-tip').textContent")
            archetype = self.x.archetype(i)
            for name, value in (
                ("identifier", clip(self.data["samples"]["id"][i], 60)), ("label", clip(self.x.text("label", i) or "not known", 60)),
                ("prediction", clip(self.x.text("prediction", i) or "–", 60)), ("archetype", "–" if archetype is None else clip(archetype, 40)),
                ("margin", fixed(self.x.column("margin")[i], self.x.digits)), ("similarity", fixed(self.x.column("similarity")[i])),
            ):  # fmt: skip
                self.expect(value in said, f"{where} does not say its {name} {value!r}: {said!r}")
            self.face(tab, "#x-tip", i, where)
            inside = tab.run(
                "(() => { const b = document.getElementById('x-tip').getBoundingClientRect(); return b.left >= 0 && b.top >= 0 && b.right <= innerWidth && b.bottom <= innerHeight; })()"
            )
            self.expect(inside, f"{where} leaves the window")
            if what == "a face":
                tab.picture(self.out / "explorer-tip.png")
        self.expect(tried, "no mark of the map lies alone enough to be hovered")
        tab.move(2, 2)
        self.expect(tab.run("document.getElementById('x-tip').hidden"), "the tip stays when the pointer has left the map")

        # Wheel, drag, and back.
        tab.press("#x-zoom-reset")
        tab.wait(0.4)
        x, y = tab.middle("#x-canvas")
        tab.wheel(x, y, -240)
        tab.wait(0.2)
        near = tab.run("auraExplorer.view()")
        self.expect(near["k"] > 1.1, f"the wheel does not zoom: {near}")
        tab.drag(x, y, -60, -40)
        moved = tab.run("auraExplorer.view()")
        self.expect(
            abs(moved["x"] - near["x"] + 60) < 2 and abs(moved["y"] - near["y"] + 40) < 2,
            f"dragging by −60, −40 moved the map by {moved['x'] - near['x']}, {moved['y'] - near['y']}",
        )
        tab.press("#x-zoom-reset")
        tab.wait(0.4)
        back = tab.run("auraExplorer.view()")
        self.expect(abs(back["k"] - 1) < 1e-6 and abs(back["x"]) < 1, f"the view was not reset: {back}")
        self.clean(tab, "map")
        tab.close()

    def opening(self) -> None:
        """Panels and addresses: a click on a mark, the address it leaves, the same address in another tab, back and forward."""
        tab = self.tab()
        detail = "document.getElementById('x-detail-body').textContent"
        samples, rings = self.marks(tab)
        hashes = []
        archetypes = self.data["archetypes"]
        if rings:
            a = self.isolated(rings, rings, lambda _: True)
            a = next(iter(rings)) if a is None else a
            tab.click(*rings[a])
            said = tab.run(detail)
            self.expect(
                visible(archetypes["name"][a]) in said and f"archetype {archetypes['id'][a]} " in said,
                f"a click on archetype {archetypes['id'][a]} shows {said[:80]!r}",
            )
            hash = tab.run("location.hash")
            self.expect(hash == f"#archetype={archetypes['id'][a]}", f"a click on an archetype leaves the address {hash[:80]}")
            strip = tab.run("document.querySelector('#x-detail .x-strip')?.children.length ?? 0")
            self.expect(strip == min(12, len(archetypes["support"][a])), f"its panel shows {strip} support images")
            hashes.append((hash, said))
            self.named(tab, "an archetype's panel")
        i = self.isolated(samples, rings, lambda i: self.x.column("archetype")[i] is not None)
        if i is not None:
            tab.middle("#x-canvas")
            place = tab.run(
                f"(() => {{ const p = auraExplorer.place({json.dumps(self.data['samples']['id'][i])}); return [p.x, p.y]; }})()"
            )
            tab.click(*place)
            said = tab.run(detail)
            for what, value in (
                ("identifier", self.data["samples"]["id"][i]),
                ("archetype", self.x.archetype(i)),
                ("reason", "Why"),
                ("margin", f"nearer by {fixed(self.x.column('margin')[i], self.x.digits)}"),
            ):
                self.expect(visible(value) in said, f"a click on a sample does not show its {what}: {said[:200]!r}")
            hash = tab.run("location.hash")
            self.expect(
                urllib.parse.unquote(hash) == "#sample=" + str(self.data["samples"]["id"][i]),
                f"a click on a sample leaves the address {hash[:80]}",
            )
            self.face(tab, "#x-detail .x-head", i, "a sample's panel")
            hashes.append((hash, said))
            self.named(tab, "a sample's panel")
        for hash, said in hashes:
            other = self.tab(hash)
            self.expect(other.run(detail) == said, f"the address {hash[:60]} shows something else in a fresh tab")
            self.clean(other, hash[:40])
            other.close()
        for hash, said in reversed(hashes[:-1]):
            tab.run("history.back()")
            self.expect(tab.until(f"{detail} === {json.dumps(said)}", 3), f"going back does not show {hash} again")
        if hashes:
            tab.run("history.back()")
            self.expect(
                tab.until("document.getElementById('x-detail').hidden", 3), "going back to the start leaves the panel open"
            )
            tab.run("history.forward()")
            self.expect(tab.until(f"{detail} === {json.dumps(hashes[0][1])}", 3), "going forward does not show it again")
        # A view with a filter and a colour is an address too.
        view = "#colour=margin&issues=1"
        other = self.tab(view)
        shown = other.run(
            "[document.getElementById('x-colour').value, document.getElementById('x-issues').checked, auraExplorer.counts().shown]"
        )
        if self.data["issues"]["sample"] and any(v is not None for v in self.x.column("margin")):
            self.expect(shown == ["margin", True, len(self.x.suspected)], f"the address {view} shows {shown}")
        other.run("location.hash = '#after-all'; 0")
        other.wait(0.1)
        self.expect(
            other.run("auraExplorer.counts().shown") == shown[2], "an anchor of another part of the page changes the filters"
        )
        self.clean(tab, "panels")
        tab.close()
        other.close()

    def count(self, tab: Tab, control: str, value, expected: set[int]) -> None:
        counts = tab.run("auraExplorer.counts()")
        said = tab.run("document.getElementById('x-count').textContent")
        self.expect(
            counts["shown"] == len(expected) and said.startswith(f"{len(expected):,} of {self.x.n:,}"),
            f"with {control} {str(value)[:60]!r} it says {said!r}, the data {len(expected)}",
        )
        if self.data["maps"]:
            there = sum(i in expected for i in self.data["maps"][0]["sample"])
            self.expect(
                counts["map"] == there,
                f"with {control} {str(value)[:60]!r} the map shows {counts['map']} samples, the data {there}",
            )
        listed = sum(i in expected for i in self.data["issues"]["sample"])
        self.expect(
            counts["issues"] == listed,
            f"with {control} {str(value)[:60]!r} {counts['issues']} labels are listed, the data have {listed}",
        )
        pages = tab.run("document.getElementById('x-page').textContent")
        if expected:
            self.expect(
                pages.endswith(f" of {len(expected):,}"), f"with {control} {str(value)[:60]!r} the gallery says {pages!r}"
            )

    def filtering(self) -> None:
        tab = self.tab()
        everything = set(range(self.x.n))
        self.count(tab, "no filter", "", everything)
        tried = []
        for control in ("split", "class", "prediction", "outcome", "compare", "error", "margin", "subject", "sample", "issues"):
            if not tab.run(f"document.getElementById('x-{control}').checkVisibility()"):
                continue
            tried.append(control)
            tab.focus(f"#x-{control}")
            if control in ("split", "class", "prediction", "outcome", "compare"):
                choices = tab.run(f"document.getElementById('x-{control}').options.length") - 1
                for _ in range(min(choices, 4)):
                    tab.key("ArrowDown")
                    value = tab.run(f"document.getElementById('x-{control}').value")
                    self.expect(value, f"the arrow key does not move the choice of {control}")
                    self.count(tab, control, value, self.x.passing(control, value))
            elif control in ("error", "margin"):
                for _ in range(3):
                    tab.key("ArrowRight" if control == "error" else "ArrowLeft")
                value, step = tab.run(
                    f"[Number(document.getElementById('x-{control}').value), Number(document.getElementById('x-{control}').dataset.step)]"
                )
                self.count(tab, control, value * step, self.x.passing(control, round(value * step, 6)))
                said = tab.run(f"document.getElementById('x-{control}-value').textContent")
                self.expect(
                    abs(float(said) - value * step) < 0.01, f"the slider of {control} stands at {value * step} and says {said}"
                )
            elif control == "issues":
                tab.press("#x-issues")
                self.count(tab, control, "", set(self.x.suspected))
            else:
                names = self.data["subjects"] if control == "subject" else self.data["samples"]["id"]
                text = str(names[len(names) // 2])
                text = text.strip() if control == "subject" else text[-3:].strip()
                # A field of one line takes no line breaks.
                text = re.split(r"[\r\n\0]", text)[0] or "0"
                tab.type(text)
                self.count(
                    tab, control, text, self.x.passing(control, tab.run(f"document.getElementById('x-{control}').value").strip())
                )
            tab.press("#x-reset")
            self.count(tab, "a reset after " + control, "", everything)
        self.expect(len(tried) >= 2 or not self.x.n, f"only the filters {tried} are there")
        # Two together.
        if {"outcome", "margin"} <= set(tried):
            tab.focus("#x-outcome")
            tab.key("ArrowDown")
            tab.key("ArrowDown")
            tab.focus("#x-margin")
            for _ in range(5):
                tab.key("ArrowLeft")
            value = tab.run(
                "Number(document.getElementById('x-margin').value) * Number(document.getElementById('x-margin').dataset.step)"
            )
            self.count(tab, "two filters", "", self.x.passing("outcome", "wrong") & self.x.passing("margin", round(value, 6)))
            self.fits(tab, 1280, "filtered")
        self.clean(tab, "filters")
        tab.close()

    def keyboard(self) -> None:
        tab = self.tab()
        active = "document.activeElement?.id"
        for _ in range(80):
            tab.key("Tab")
            if tab.run(active) == "x-canvas":
                break
        if not self.expect(tab.run(active) == "x-canvas", "the Tab key does not reach the map"):
            return
        live = "document.getElementById('x-live').textContent"
        tab.key("a")
        said = tab.run(live)
        if self.data["maps"][0]["archetype"]:
            self.expect(said.startswith("Archetype"), f"the key A does not go to an archetype, it says {said!r}")
            tab.key("Enter")
            self.expect(tab.run("location.hash.startsWith('#archetype=')"), "Enter does not open an archetype")
            self.expect(tab.run(active) == "x-canvas", "opening from the map takes the focus away")
            tab.key("Escape")
            tab.key("Escape")
            self.expect(tab.run("document.getElementById('x-detail').hidden"), "Escape does not close the panel")
        for arrow in random.Random(1).choices(["ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown"], k=60):
            tab.key(arrow)
            if tab.run(live).startswith("Sample"):
                break
        said = tab.run(live)
        if self.expect(said.startswith("Sample"), f"the arrow keys reach no sample, the last one says {said!r}"):
            tip = tab.run("!document.getElementById('x-tip').hidden && document.getElementById('x-tip').textContent")
            self.expect(tip, "a sample that the keys reach shows no tip")
            tab.key("Enter")
            hash = urllib.parse.unquote(tab.run("location.hash"))
            self.expect(
                hash.startswith("#sample=") and visible(hash[8:]) in said,
                f"Enter on {said[:60]!r} leaves the address {hash[:60]!r}",
            )
        k = tab.run("auraExplorer.view().k")
        tab.key("+")
        tab.wait(0.4)
        self.expect(tab.run("auraExplorer.view().k") > k, "the key + does not zoom")
        tab.key("0")
        tab.wait(0.4)
        self.expect(tab.run("auraExplorer.view().k") == 1, "the key 0 does not show the whole map")
        outline = tab.run("getComputedStyle(document.getElementById('x-canvas')).outlineStyle")
        self.expect(outline != "none", "the focus of the map is not seen")
        # On to the list: its search and its first button, by keys.
        tab.key("Escape")
        tab.key("Escape")
        for _ in range(20):
            tab.key("Tab")
            if tab.run(active) == "x-find":
                break
        if self.expect(tab.run(active) == "x-find", "the Tab key does not reach the search of archetypes"):
            wanted = str(self.data["archetypes"]["id"][-1])
            tab.type(wanted)
            names = self.data["archetypes"]["name"]
            left = sum(wanted in f"{name} {one}".lower() for name, one in zip(names, self.data["archetypes"]["id"], strict=True))
            shown = tab.run("[...document.querySelectorAll('#x-archetypes > li')].filter((e) => !e.hidden).length")
            self.expect(shown == left, f"searching for {wanted} leaves {shown} archetypes, the data {left}")
            tab.key("Tab")
            tab.key("Enter")
            self.expect(tab.run("location.hash.startsWith('#archetype=')"), "Enter in the list does not open an archetype")
            self.expect(
                tab.run("document.getElementById('x-detail').contains(document.activeElement)"),
                "the focus does not follow into the panel",
            )
        self.clean(tab, "keyboard")
        tab.close()

    def touching(self) -> None:
        tab = self.tab(width=390, height=844, touch=True)
        samples, rings = self.marks(tab)
        i = self.isolated(samples, rings, lambda _: True)
        if i is not None:
            tab.tap(*samples[i])
            self.expect(tab.until("!document.getElementById('x-tip').hidden", 2), "a tap on a sample shows no tip")
            self.expect(
                visible(self.data["samples"]["id"][i]) in tab.run("document.getElementById('x-detail-body').textContent"),
                "a tap on a sample does not open it",
            )
            tab.picture(self.out / "explorer-phone-tap.png")
            self.fits(tab, 390, "tapped")
        x, y = tab.middle("#x-canvas")
        tab.pinch(x, y, 20, 60)
        self.expect(tab.run("auraExplorer.view().k") > 1.5, f"a pinch does not zoom: {tab.run('auraExplorer.view()')}")
        self.clean(tab, "touch")
        tab.close()

    def reviewing(self) -> None:
        issues = self.data["issues"]
        total = len(issues["sample"])
        downloads = self.folder / "downloads"
        downloads.mkdir(exist_ok=True)
        self.browser.send("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads), eventsEnabled=True)
        tab = self.tab()
        tab.middle("#x-issues-body tr")
        tab.focus("#x-issues-body tr")
        made = [("c", "change"), ("u", "unsure"), ("k", "keep")][:total]
        expected = []
        for at, (key, decision) in enumerate(made):
            to = tab.run(f"document.querySelectorAll('#x-issues-body tr')[{at}].querySelector('.x-to :is(select, input)').value")
            tab.key(key)
            expected.append(
                [
                    str(self.data["samples"]["id"][issues["sample"][at]]),
                    self.x.output_of(at),
                    self.x.label_of(at),
                    decision,
                    to if decision == "change" else "",
                ]
            )
            suggested = issues["suggested"][at]
            same = abs(float(to) - suggested) < 6e-4 if self.x.affect else to == self.x.label_of(at, "suggested")
            self.expect(same, f"the new label that is offered is {to!r}, not the one suggested")
        if total > 3:
            # Another one than what is suggested.
            row = "#x-issues-body tr:nth-child(4)"
            field = f"{row} .x-to :is(select, input)"
            if self.x.affect:
                tab.focus(field)
                tab.run(f"document.querySelector({json.dumps(field)}).select()")
                tab.type("-0.25")
                tab.press(f"{row} [data-decision=change]")
            else:
                tab.focus(field)
                tab.key(
                    "ArrowUp"
                    if self.x.expression and tab.run(f"document.querySelector({json.dumps(field)}).selectedIndex") > 0
                    else "ArrowDown"
                )
                if not tab.run(f"document.querySelector({json.dumps(row)}).querySelector('[aria-pressed=true]') !== null"):
                    tab.press(f"{row} [data-decision=change]")
            to = tab.run(f"document.querySelector({json.dumps(field)}).value")
            expected.append(
                [str(self.data["samples"]["id"][issues["sample"][3]]), self.x.output_of(3), self.x.label_of(3), "change", to]
            )
        progress = tab.run("document.getElementById('x-progress').textContent")
        self.expect(
            progress.startswith(f"{len(expected)} of {total} decided"), f"after {len(expected)} decisions it says {progress!r}"
        )
        tab.picture(self.out / "explorer-review.png")
        tab.press("#x-export")

        def finished() -> bool:
            done = [event["params"] for event in self.browser.events if event["method"] == "Browser.downloadProgress"]
            return any(event["state"] == "completed" for event in done)

        for _ in range(100):
            if finished():
                break
            tab.wait(0.05)
        files = list(downloads.iterdir())
        if not self.expect(finished() and len(files) == 1, f"the export left {[file.name for file in files]}"):
            return
        (self.out / "review.csv").write_bytes(files[0].read_bytes())
        text = files[0].read_text(encoding="utf-8", newline="") if sys.version_info >= (3, 13) else files[0].read_bytes().decode()
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
        self.expect(rows[:1] == [["sample_id", "output", "from", "decision", "to"]], f"the file begins with {rows[:1]}")

        def numbers(row: list[str]) -> list:
            return [float(value) if self.x.affect and at in (2, 4) and value else value for at, value in enumerate(row)]

        self.expect(
            sorted(map(repr, map(numbers, rows[1:]))) == sorted(map(repr, map(numbers, expected))),
            f"the file says {rows[1:]}, decided was {expected}",
        )
        plain = re.fullmatch(r"review-[A-Za-z0-9._-]+\.csv", files[0].name)
        self.expect(
            plain and files[0].name in tab.run("document.getElementById('x-relabel').textContent"),
            f"the file is named {files[0].name}",
        )
        # The same browser knows them again; another one after loading the file.
        known = self.tab()
        again = known.run("auraExplorer.counts().decided")
        known.close()
        self.expect(again == len(expected), f"opened again, the page knows {again} of {len(expected)} decisions")
        fresh = self.tab(fresh=True)
        self.expect(fresh.run("auraExplorer.counts().decided") == 0, "a fresh browser has decisions already")
        fresh.choose_file("#x-load", files[0])
        fresh.until("document.getElementById('x-said').textContent", 5)
        said = fresh.run("document.getElementById('x-said').textContent")
        self.expect(
            said == f"{len(expected)} decision{'' if len(expected) == 1 else 's'} read.", f"loading the file says {said!r}"
        )
        states = "[...document.querySelectorAll('#x-issues-body tr')].slice(0, 4).map((r) => [r.querySelector('[aria-pressed=true]')?.dataset.decision ?? '', r.querySelector('.x-to :is(select, input)').value])"
        decided = [[row[3], row[4] or None] for row in expected]
        there = [[kind, value if kind == "change" else None] for kind, value in fresh.run(states)][: len(decided)]
        self.expect(there == decided, f"loaded, the rows say {there}, decided was {decided}")
        fresh.press("#x-undecided")
        self.expect(
            fresh.run("auraExplorer.counts().issues") == total - len(expected), "the undecided ones are not all that are left"
        )
        self.clean(tab, "review")
        self.clean(fresh, "loaded review")
        tab.close()
        fresh.close()

    def panning(self) -> None:
        tab = self.tab(still=False)
        x, y = tab.middle("#x-canvas")
        tab.wheel(x, y, -120)
        tab.wait(0.3)
        tab.run(
            "auraExplorer.drawTimes(); window.frames60 = []; (function tick(last) { requestAnimationFrame((now) => { if (last) window.frames60.push(now - last); tick(now); }); })(0); 0"
        )
        tab.mouse("mousePressed", x, y, button="left", buttons=1, clickCount=1)
        for step in range(90):
            tab.mouse("mouseMoved", x + 80 * math.sin(step / 8), y + 50 * math.cos(step / 8), button="left", buttons=1)
        tab.mouse("mouseReleased", x, y, button="left", buttons=0, clickCount=1)
        draws, frames = tab.run("[auraExplorer.drawTimes(), window.frames60]")
        if draws and frames:
            there = len(self.data["maps"][0]["sample"])
            print(
                f"{self.page}: panning {there:,} samples: {len(draws)} draws, median {statistics.median(draws):.1f} ms, worst {max(draws):.1f} ms; frames {statistics.median(frames):.1f} ms apart, at most {max(frames):.1f} ms"
            )
        tab.close()

    def without_program(self) -> None:
        tab = Tab(self.browser)
        tab.send("Emulation.setScriptExecutionDisabled", value=True)
        tab.send("Page.navigate", url=self.url)
        tab.wait(1)
        root = tab.send("DOM.getDocument", depth=0)["root"]["nodeId"]
        for selector, wanted in (("#explorer noscript .notice", True), ("#x-app", False)):
            node = tab.send("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
            try:
                tab.send("DOM.getBoxModel", nodeId=node)
                seen = True
            except Gone:
                seen = False
            self.expect(seen == wanted, f"without JavaScript {selector} is {'seen' if seen else 'not seen'}")
        tab.close()

    def all(self) -> None:
        self.widths()
        self.without_program()
        tab = self.tab()
        maps = tab.run("!document.getElementById('x-map-part').hidden")
        self.expect(maps == bool(self.data["maps"]), "a map is shown without data, or not shown with them")
        if not self.data["maps"]:
            self.expect(
                tab.run("document.getElementById('x-no-map').checkVisibility()"), "it does not say that there are no maps"
            )
        for note in self.data["notes"]:
            self.expect(
                visible(note) in tab.run("document.getElementById('x-notes').textContent"), f"the note {note[:60]!r} is not shown"
            )
        if not self.x.n:
            self.expect(
                tab.run("document.getElementById('x-no-samples').checkVisibility()"), "it does not say that there are no samples"
            )
        tab.close()
        parts = []
        if self.x.n:
            parts += [self.opening, self.filtering]
        if self.data["maps"] and self.data["maps"][0]["sample"]:
            parts += [self.hovering, self.keyboard, self.touching, self.panning]
        if self.data["issues"]["sample"]:
            parts += [self.reviewing]
        for part in parts:
            try:
                part()
            except Gone as gone:
                self.complain(f"{part.__name__}: {gone}")


def visible_id(x: Expected, i: int) -> str:
    return str(x.samples["id"][i])
