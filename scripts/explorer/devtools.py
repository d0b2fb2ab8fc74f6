"""Headless Chromium by the DevTools protocol over two pipes (file descriptors 3 and 4): real input events, nothing else needed."""

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path


class Gone(Exception):
    """The browser said that something cannot be done, or went away."""


def chromium() -> str | None:
    named = os.environ.get("CHROMIUM")
    names = [named] if named else ["chromium", "chromium-browser", "google-chrome"]
    return next((found for name in names if (found := shutil.which(name))), None)


class Browser:
    def __init__(self, program: str):
        self.folder = tempfile.mkdtemp(prefix="check-explorer-")
        to_browser, from_browser = os.pipe(), os.pipe()

        def descriptors() -> None:
            # Out of the way first, lest one of them be 3 or 4 itself.
            read, write = os.dup(to_browser[0]), os.dup(from_browser[1])
            os.dup2(read, 3)
            os.dup2(write, 4)

        flags = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--remote-debugging-pipe", f"--user-data-dir={self.folder}/profile",
        ]  # fmt: skip
        self.process = subprocess.Popen(
            [program, *flags, "about:blank"],
            preexec_fn=descriptors,
            close_fds=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser[0])
        os.close(from_browser[1])
        self.out, self.into = to_browser[1], from_browser[0]
        self.number, self.rest = 0, b""
        self.answers: dict[int, dict] = {}
        self.events: list[dict] = []

    def close(self) -> None:
        with contextlib.suppress(Gone, OSError):
            self.send("Browser.close")
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.out)
        os.close(self.into)
        shutil.rmtree(self.folder, ignore_errors=True)

    def pump(self, seconds: float) -> bool:
        """Reads what has come, waiting no longer than this; says whether anything did."""
        ready, _, _ = select.select([self.into], [], [], max(seconds, 0))
        if not ready:
            return False
        more = os.read(self.into, 1 << 20)
        if not more:
            raise Gone("the browser went away")
        *messages, self.rest = (self.rest + more).split(b"\0")
        for message in messages:
            found = json.loads(message)
            if "id" in found:
                self.answers[found["id"]] = found
            else:
                self.events.append(found)
        return True

    def send(self, method: str, session: str | None = None, seconds: float = 60, **params) -> dict:
        self.number += 1
        number = self.number
        message = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        rest = json.dumps(message).encode() + b"\0"
        while rest:
            rest = rest[os.write(self.out, rest) :]
        until = time.monotonic() + seconds
        while number not in self.answers:
            if time.monotonic() > until:
                raise Gone(f"no answer to {method} in {seconds} seconds")
            self.pump(until - time.monotonic())
        answer = self.answers.pop(number)
        if "error" in answer:
            raise Gone(f"{method}: {answer['error'].get('message')}")
        return answer["result"]


KEYS = {
    "Enter": ("Enter", 13, "\r"), "Escape": ("Escape", 27, ""), "Tab": ("Tab", 9, ""), " ": ("Space", 32, " "),
    "ArrowLeft": ("ArrowLeft", 37, ""), "ArrowUp": ("ArrowUp", 38, ""), "ArrowRight": ("ArrowRight", 39, ""), "ArrowDown": ("ArrowDown", 40, ""),
    "Home": ("Home", 36, ""), "End": ("End", 35, ""),
}  # fmt: skip


class Tab:
    """A page in a tab of its own, in a window of a given size."""

    def __init__(
        self,
        browser: Browser,
        width: int = 1280,
        height: int = 900,
        touch: bool = False,
        dark: bool = False,
        still: bool = True,
        fresh: bool = False,
    ):
        self.browser = browser
        # A fresh context keeps nothing of what other tabs stored.
        context = {"browserContextId": browser.send("Target.createBrowserContext")["browserContextId"]} if fresh else {}
        target = browser.send("Target.createTarget", url="about:blank", **context)["targetId"]
        self.target = target
        self.session = browser.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            self.send(f"{domain}.enable")
        self.size(width, height, touch)
        self.media(dark, still)

    def send(self, method: str, **params) -> dict:
        return self.browser.send(method, self.session, **params)

    def close(self) -> None:
        self.browser.send("Target.closeTarget", targetId=self.target)

    def size(self, width: int, height: int, touch: bool = False) -> None:
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=touch)
        self.send("Emulation.setTouchEmulationEnabled", enabled=touch)

    def media(self, dark: bool, still: bool = True) -> None:
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"},
        ]
        self.send("Emulation.setEmulatedMedia", features=features)

    def events(self, *methods: str) -> list[dict]:
        self.wait(0.05)
        return [event for event in self.browser.events if event.get("sessionId") == self.session and event["method"] in methods]

    def wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.browser.pump(left)

    def run(self, script: str):
        """The value of an expression in the page."""
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise Gone(f"{script[:80]}: {details.get('exception', {}).get('description', details.get('text'))}")
        return answer["result"].get("value")

    def until(self, script: str, seconds: float = 20):
        """Waits until an expression is true, and gives its value; nothing if it never is."""
        end = time.monotonic() + seconds
        while True:
            value = self.run(script)
            if value or time.monotonic() > end:
                return value
            self.wait(0.03)

    def open(self, url: str) -> bool:
        self.send("Page.navigate", url=url)
        return self.until("document.readyState === 'complete' && Boolean(document.documentElement.dataset.explorer)", 40)

    def settle(self) -> None:
        """Two frames: what was asked for is drawn."""
        self.run("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")

    # ---- Input ----

    def mouse(self, kind: str, x: float, y: float, **more) -> None:
        self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def move(self, x: float, y: float) -> None:
        self.mouse("mouseMoved", x, y)
        self.settle()

    def click(self, x: float, y: float) -> None:
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y, button="left", buttons=1, clickCount=1)
        self.mouse("mouseReleased", x, y, button="left", buttons=0, clickCount=1)
        self.settle()

    def drag(self, x: float, y: float, dx: float, dy: float, steps: int = 6) -> None:
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y, button="left", buttons=1, clickCount=1)
        for step in range(1, steps + 1):
            self.mouse("mouseMoved", x + dx * step / steps, y + dy * step / steps, button="left", buttons=1)
        self.mouse("mouseReleased", x + dx, y + dy, button="left", buttons=0, clickCount=1)
        self.settle()

    def wheel(self, x: float, y: float, by: float) -> None:
        self.mouse("mouseWheel", x, y, deltaX=0, deltaY=by)
        self.settle()

    def tap(self, x: float, y: float) -> None:
        self.send("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
        self.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        self.settle()

    def pinch(self, x: float, y: float, start: float, end: float) -> None:
        for kind, apart in (("touchStart", start), *(("touchMove", start + (end - start) * step / 5) for step in range(1, 6))):
            self.send(
                "Input.dispatchTouchEvent",
                type=kind,
                touchPoints=[{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}],
            )
        self.send("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        self.settle()

    def key(self, key: str, shift: bool = False) -> None:
        code, number, text = KEYS.get(key, (f"Key{key.upper()}" if key.isalpha() else "", ord(key.upper()[0]), key))
        common = {"key": key, "code": code, "windowsVirtualKeyCode": number, "modifiers": 8 if shift else 0}
        self.send(
            "Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **common, **({"text": text} if text else {})
        )
        self.send("Input.dispatchKeyEvent", type="keyUp", **common)
        self.settle()

    def type(self, text: str) -> None:
        self.send("Input.insertText", text=text)
        self.settle()

    # ---- Looking ----

    def middle(self, selector: str) -> tuple[float, float]:
        """Brings an element into view and says where its middle is."""
        found = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); if (!e) return null; e.scrollIntoView({{ block: 'center', behavior: 'instant' }});"
            " const b = e.getBoundingClientRect(); return [b.left + b.width / 2, b.top + b.height / 2]; })()"
        )
        if not found:
            raise Gone(f"nothing on the page is {selector}")
        self.settle()
        return found[0], found[1]

    def focus(self, selector: str) -> None:
        self.middle(selector)
        root = self.send("DOM.getDocument", depth=0)["root"]["nodeId"]
        self.send("DOM.focus", nodeId=self.send("DOM.querySelector", nodeId=root, selector=selector)["nodeId"])
        self.settle()

    def choose_file(self, selector: str, path: Path) -> None:
        root = self.send("DOM.getDocument", depth=0)["root"]["nodeId"]
        node = self.send("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.send("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def press(self, selector: str) -> None:
        self.click(*self.middle(selector))

    def picture(self, path: Path, whole: bool = False) -> None:
        more = {}
        if whole:
            size = self.send("Page.getLayoutMetrics")["cssContentSize"]
            more = {
                "captureBeyondViewport": True,
                "clip": {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 8000), "scale": 1},
            }
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png", **more)["data"]))
