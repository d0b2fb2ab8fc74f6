"""Where the program is, and how it is called."""

from __future__ import annotations

import os
import queue
import re
import shutil
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Union

from ._errors import INTERRUPTED, ProgramNotFound, error_of

#: Anything that names a file or a folder.
PathLike = Union[str, "os.PathLike[str]"]
#: An argument of the program: a path, or text, or the bytes that it is to see.
Argument = Union[PathLike, bytes]

#: Names the program, before everything else that does.
VARIABLE = "AURA_BENCH_PROGRAM"
_NAME = "aura-bench.exe" if os.name == "nt" else "aura-bench"
#: How often a wait looks up: a wait without end cannot be interrupted on Windows.
_LOOK = 0.1


def program() -> str:
    """The path of the program: `AURA_BENCH_PROGRAM`, else that of this environment, else that of PATH.

    Raises `ProgramNotFound`.
    """
    named = os.environ.get(VARIABLE)
    if named:
        if not os.path.isfile(named):
            raise ProgramNotFound(f"{VARIABLE} names {named}, which is no file: correct it, or unset it.")
        return os.path.abspath(named)
    for folder in _scripts():
        candidate = os.path.join(folder, _NAME)
        if os.path.isfile(candidate):
            return candidate
    found = shutil.which("aura-bench")
    if found:
        return os.path.abspath(found)
    raise ProgramNotFound(
        "The program aura-bench is neither in this environment nor in PATH: "
        f"install it with `pip install aura-bench`, or set {VARIABLE} to its path."
    )


def _scripts() -> Iterator[str]:
    """Folders into which an installer puts programs."""
    yield sysconfig.get_path("scripts")
    for scheme in (f"{os.name}_user", "osx_framework_user"):
        if scheme in sysconfig.get_scheme_names():
            yield sysconfig.get_path("scripts", scheme)
    # `pip install --target DIR`.
    yield str(Path(__file__).resolve().parent.parent / "bin")


def text(value: str) -> bytes:
    """Text as an argument: the program reads UTF-8, whatever the locale."""
    return value.encode("utf-8")


def path(value: PathLike) -> bytes:
    """A path as an argument: the bytes that the system knows it by."""
    return os.fsencode(os.path.expanduser(value))


def printed_path(value: str) -> Path:
    """A path that the program printed, as Python reaches it; absolute, as the current folder may change."""
    return Path(os.path.abspath(os.fsdecode(value.encode("utf-8"))))


def call(arguments: Iterable[Argument], *, stdin: bytes | None = None, show: bool = False, stop_with_us: bool = False) -> bytes:
    """Calls the program and returns what it printed.

    `stdin` is what it reads. With `show`, what it says meanwhile is passed on to `sys.stderr`, line by line. With `stop_with_us`
    it stops at its next checkpoint when this process ends, or when Ctrl-C is pressed here; it must have been given
    `--with-parent`.

    Raises what `error_of` makes of its exit code, with what it said; `KeyboardInterrupt` once it has stopped.
    """
    command = [os.fsencode(program()), *(os.fsencode(argument) for argument in arguments)]
    try:
        process = subprocess.Popen(
            command if os.name != "nt" else [os.fsdecode(argument) for argument in command],
            stdin=subprocess.PIPE if stdin is not None or stop_with_us else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        raise ProgramNotFound(f"{os.fsdecode(command[0])} does not start: {error}") from error
    conversation = _Conversation(process, stdin, show)
    try:
        conversation.listen()
    except KeyboardInterrupt:
        conversation.stop(at_checkpoint=stop_with_us)
        if process.returncode == INTERRUPTED:
            # With what it says of how to go on.
            raise error_of(INTERRUPTED, conversation.said.error()) from None
        raise
    finally:
        conversation.close()
    if process.returncode != 0:
        failure = error_of(process.returncode, conversation.said.error())
        # What it printed all the same, such as the verdicts of a check that failed.
        failure.__dict__["printed"] = conversation.printed()
        raise failure
    conversation.said.show_rest()
    return conversation.printed()


class _Conversation:
    """A running program, whose pipes are read by threads, so that none fills up.

    What is shown is written by the caller's own thread: a notebook knows the cell of that one alone.
    """

    def __init__(self, process: subprocess.Popen[bytes], stdin: bytes | None, show: bool) -> None:
        self.said = _Said(show)
        self._process = process
        self._printed: list[bytes] = []
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._read_result, self._read_lines)]
        if stdin is not None:
            self._threads.append(threading.Thread(target=self._feed, args=(stdin,), daemon=True))
        for thread in self._threads:
            thread.start()

    def printed(self) -> bytes:
        """All of its stdout, once it has ended."""
        return b"".join(self._printed)

    def listen(self) -> None:
        """Passes on what it says until it ends."""
        while True:
            try:
                line = self._lines.get(timeout=_LOOK)
            except queue.Empty:
                continue
            if line is None:
                break
            self.said.hear(line.decode("utf-8", "replace"))
        while True:
            try:
                self._process.wait(_LOOK)
            except subprocess.TimeoutExpired:
                continue
            break
        for thread in self._threads:
            thread.join()

    def stop(self, at_checkpoint: bool) -> None:
        """Ends it: at its checkpoint, unless a second Ctrl-C comes meanwhile, or at once."""
        try:
            if at_checkpoint and self._process.stdin is not None:
                # Not by a signal: where the terminal has told the program too, it would be the second one, and cost it its
                # checkpoint.
                self._process.stdin.close()
                self.listen()
        except KeyboardInterrupt:
            pass

    def close(self) -> None:
        """Leaves nothing behind, however it came here."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for thread in self._threads:
            thread.join()
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            try:
                if stream is not None:
                    stream.close()
            except OSError:
                pass

    def _read_result(self) -> None:
        assert self._process.stdout is not None
        while chunk := self._process.stdout.read(1 << 20):
            self._printed.append(chunk)

    def _read_lines(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._lines.put(line)
        self._lines.put(None)

    def _feed(self, data: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
            self._process.stdin.close()
        except OSError:
            # It ended before it had read everything, and says why.
            pass


class _Said:
    """What a program says: progress, which may be passed on, and at its end the error, which the exception carries."""

    #: The head of a mistake in a document (`recipe`, `card`), followed by an empty line.
    _HEAD = re.compile(r"[a-z]+( [a-z]+)*")

    def __init__(self, show: bool) -> None:
        self._show = show
        self._held: list[str] = []
        self._all: list[str] = []
        self._is_error = False

    def hear(self, line: str) -> None:
        line = line.rstrip("\r\n")
        self._all.append(line)
        if not self._is_error and self._held and line:
            self._pass_on()
        self._held.append(line)
        self._is_error = self._is_error or line.startswith("error:") or (not line and len(self._held) > 1)
        if not self._is_error and not self._HEAD.fullmatch(line):
            self._pass_on()

    def show_rest(self) -> None:
        """Passes on what was held back for an error that did not come."""
        self._pass_on()

    def error(self) -> str:
        """The error, or everything where none can be told apart."""
        return "\n".join(self._held if self._is_error else self._all)

    def _pass_on(self) -> None:
        if self._show and sys.stderr is not None:
            try:
                for line in self._held:
                    _write(line + "\n")
                sys.stderr.flush()
            except (OSError, ValueError):
                # Closed, full, or its reader left: no reason to lose the work that it tells of.
                self._show = False
        self._held.clear()
        self._is_error = False


def _write(line: str) -> None:
    """One write a line: other threads write too."""
    try:
        sys.stderr.write(line)
    except UnicodeEncodeError:
        sys.stderr.write(line.encode("ascii", "backslashreplace").decode("ascii"))
