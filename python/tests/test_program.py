"""How the program is found and called."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

import aura_bench
import pytest
from aura_bench import _program
from conftest import PACKAGE, RECIPE

posix = pytest.mark.skipif(os.name == "nt", reason="scripts of a shell")


@pytest.fixture
def pretend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A shell script in the program's place."""

    def write(script: str) -> Path:
        path = tmp_path / "aura-bench"
        path.write_text("#!/bin/sh\n" + script, encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("AURA_BENCH_PROGRAM", str(path))
        return path

    return write


@posix
def test_it_is_looked_for_in_the_variable_then_the_environment_then_path(
    pretend: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = pretend("exit 0\n")
    assert aura_bench.program() == str(named)
    monkeypatch.delenv("AURA_BENCH_PROGRAM")
    scripts, path = tmp_path / "scripts", tmp_path / "path"
    monkeypatch.setattr(sysconfig, "get_path", lambda *_: str(scripts))
    monkeypatch.setenv("PATH", str(path))
    with pytest.raises(aura_bench.ProgramNotFound, match="pip install aura-bench") as missing:
        aura_bench.program()
    assert missing.value.exit_code == 127 and "\n" not in str(missing.value)
    for folder in (path, scripts):
        folder.mkdir()
        (folder / "aura-bench").symlink_to(named)
        assert aura_bench.program() == str(folder / "aura-bench")


def test_what_is_named_must_be_there_and_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AURA_BENCH_PROGRAM", str(tmp_path / "none"))
    with pytest.raises(aura_bench.ProgramNotFound, match="AURA_BENCH_PROGRAM names .*none, which is no file"):
        aura_bench.runs(tmp_path)
    (tmp_path / "none").write_text("no program")
    with pytest.raises(aura_bench.ProgramNotFound, match="does not start"):
        aura_bench.runs(tmp_path)


@posix
def test_a_program_that_the_system_kills_is_said_to_be(pretend: Any) -> None:
    pretend("kill -9 $$\n")
    with pytest.raises(aura_bench.AuraBenchError, match="signal 9, as systems do where memory runs out") as killed:
        aura_bench.run(RECIPE)
    assert killed.value.exit_code == -9 and type(killed.value) is aura_bench.AuraBenchError


@posix
def test_a_program_that_panics_says_all_it_said(pretend: Any) -> None:
    pretend("echo 'train'; echo 'thread main panicked' >&2; echo 'at src/x.rs' >&2; exit 101\n")
    with pytest.raises(aura_bench.AuraBenchError, match="(?s)thread main panicked.*src/x.rs") as panicked:
        aura_bench.run(RECIPE, quiet=True)
    assert panicked.value.exit_code == 101


@posix
def test_a_program_that_was_interrupted_interrupts(pretend: Any) -> None:
    pretend("echo 'error: interrupted' >&2; exit 130\n")
    with pytest.raises(KeyboardInterrupt):
        aura_bench.run(RECIPE, quiet=True)


@posix
def test_progress_and_an_error_are_told_apart(pretend: Any, capsys: pytest.CaptureFixture[str]) -> None:
    pretend("printf 'convert 1\\nextract\\nimages\\n  two\\r\\nerror: broken\\n  help: mend it\\n' >&2; exit 3\n")
    with pytest.raises(aura_bench.DataError) as broken:
        aura_bench.run(RECIPE)
    assert str(broken.value) == "broken\n  help: mend it"
    assert capsys.readouterr().err == "convert 1\nextract\nimages\n  two\n"
    pretend("printf 'loading\\nrecipe\\n\\n  x wrong key\\n' >&2; exit 2\n")
    with pytest.raises(aura_bench.UsageError) as wrong:
        aura_bench.run(RECIPE)
    assert str(wrong.value) == "recipe\n\n  x wrong key"
    assert capsys.readouterr().err == "loading\n"


@posix
def test_progress_arrives_while_it_goes_on(pretend: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend("echo convert 1 >&2; sleep 1; echo extract 2 >&2; echo '{}'\n")
    arrived: list[float] = []

    class Clock(io.StringIO):
        def write(self, text: str) -> int:
            arrived.append(time.monotonic())
            return super().write(text)

    monkeypatch.setattr(sys, "stderr", Clock())
    _program.call(["run"], show=True)
    assert len(arrived) == 2 and arrived[1] - arrived[0] > 0.5


@posix
def test_much_on_both_streams_stops_neither(pretend: Any) -> None:
    line = "x" * 99
    pretend(f"i=0; while [ $i -lt 20000 ]; do echo {line}; echo {line} >&2; i=$((i+1)); done\n")
    assert len(_program.call(["anything"], stdin=b"y" * 1_000_000)) == 2_000_000


@posix
def test_a_path_that_is_no_utf8_arrives_as_it_is(pretend: Any, tmp_path: Path) -> None:
    pretend('printf "%s" "$1"\n')
    odd = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
    assert _program.call([_program.path(odd)]) == os.fsencode(odd)


def test_a_locale_without_utf8_changes_nothing(python: Any) -> None:
    code = "import sys, aura_bench\nprint(len(aura_bench.query('SELECT $x AS \\u00e4', sys.argv[1], params={'x': '\\u00fc'})))"
    variables = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    done = python(code, **variables)
    assert done.stdout == "1\n", done.stderr


def test_as_a_module_it_is_the_program(program: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE)}
    module = [sys.executable, "-m", "aura_bench"]
    version = subprocess.run([*module, "--version"], env=environment, capture_output=True, text=True, check=True)
    assert version.stdout == subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    wrong = subprocess.run([*module, "query", "SELECT", "--runs", "no where"], env=environment, capture_output=True, text=True)
    assert wrong.returncode == 3 and "no where" in wrong.stderr
    environment["AURA_BENCH_PROGRAM"] = "/nowhere"
    missing = subprocess.run(module, env=environment, capture_output=True, text=True)
    assert missing.returncode == 127 and missing.stderr.startswith("error: AURA_BENCH_PROGRAM names /nowhere")
