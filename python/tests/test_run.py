"""Runs, what they come to, and how they end."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import aura_bench
import pytest
from conftest import PACKAGE, RECIPE, REPOSITORY, SMALL, Made


def test_the_result_says_what_the_run_came_to(made: Made) -> None:
    result = made.result
    assert result.run_dir.is_absolute() and (result.run_dir / "manifest.json").is_file()
    assert result.report.is_file() and result.stand_in
    accuracy = result.scores["acc"]
    values = made.json(
        "SELECT value FROM metrics WHERE method = 'aura' AND split = 'test' AND metric = 'acc' AND epoch IS NULL ORDER BY seed"
    )
    assert list(accuracy.seeds) == [row["value"] for row in values] and len(values) == 2
    assert accuracy.mean == pytest.approx(sum(accuracy.seeds) / 2) and accuracy.sd is not None
    assert set(result.methods) >= {"aura", "knn"} and result.methods["aura"]["acc"] == accuracy
    assert result.stages["train"].seconds > 0 and not result.stages["train"].cached
    assert result.run_dirs == [result.run_dir] and not result.points
    assert result.raw["task"] == "expression"
    assert "generated faces" in result._repr_html_() and "knn" in result._repr_html_()
    assert result.run_dir.name in repr(result)


def test_a_second_call_does_nothing_and_shows_that(made: Made) -> None:
    shown = io.StringIO()
    with contextlib.redirect_stderr(shown):
        again = run_small(made)
    assert again.run_dir == made.result.run_dir
    assert all(stage.cached for stage in again.stages.values())
    # As it is in a notebook: a stream without a file descriptor.
    assert re.search(r"^train +cached$", shown.getvalue(), re.MULTILINE)
    assert shown.getvalue().endswith("\n") and "\r" not in shown.getvalue()


def test_quiet_shows_nothing_and_a_broken_stderr_stops_nothing(made: Made) -> None:
    shown = io.StringIO()
    with contextlib.redirect_stderr(shown):
        run_small(made, quiet=True)
    assert shown.getvalue() == ""
    shown.close()
    with contextlib.redirect_stderr(shown):
        assert run_small(made).run_dir == made.result.run_dir
    with contextlib.redirect_stderr(None):
        assert run_small(made).run_dir == made.result.run_dir


def test_a_thread_runs_too(made: Made) -> None:
    found: list[aura_bench.RunResult] = []
    thread = threading.Thread(target=lambda: found.append(run_small(made, quiet=True)))
    thread.start()
    thread.join()
    assert found[0].run_dir == made.result.run_dir


def test_a_study_is_a_result_with_points(made: Made, tmp_path: Path) -> None:
    recipe = tmp_path / "study.toml"
    base = (REPOSITORY / RECIPE).as_posix()
    recipe.write_text(f'schema = 1\nname = "study"\nextends = "{base}"\n[sweep]\n"train.epochs" = [5]\n', encoding="utf-8")
    keys = {**SMALL, "sweep": {"train.epochs": [1, 2]}}
    del keys["train"]
    result = aura_bench.run(recipe, stand_in=True, seeds=[0], out=tmp_path, cache=made.cache, device="cpu", quiet=True, **keys)
    assert len(result.points) == 2 and result.report.is_file()
    assert [point.raw["point"] for point in result.points] == [{"train.epochs": 1}, {"train.epochs": 2}]
    assert len(aura_bench.runs(result)) == 2
    assert len(result.query("SELECT DISTINCT run FROM metrics")) == 2
    assert "epochs = 2" in result._repr_html_() and "<th>acc</th>" in result._repr_html_()


def test_errors_are_the_programs_own(made: Made, tmp_path: Path) -> None:
    shown = io.StringIO()
    with contextlib.redirect_stderr(shown):
        with pytest.raises(aura_bench.UsageError, match=r"(?s)unknown key `train\.epoch`.*did you mean `epochs`"):
            aura_bench.run(RECIPE, stand_in=True, train__epoch=3)
        with pytest.raises(aura_bench.UsageError, match="expected a whole number"):
            aura_bench.run(RECIPE, stand_in=True, train={"epochs": "20"})
        with pytest.raises(aura_bench.DataError, match="(?s)database RAF-DB.*is not there") as data:
            aura_bench.run(RECIPE, data=tmp_path / "nothing here")
        with pytest.raises(aura_bench.DeviceError, match="cuda") as device:
            aura_bench.run(RECIPE, stand_in=True, device="cuda:99", out=tmp_path, cache=made.cache, **SMALL)
        with pytest.raises(aura_bench.UsageError, match="--odd.toml"):
            aura_bench.run("--odd.toml")
    assert (data.value.exit_code, device.value.exit_code) == (3, 4)
    # The exception says it; the stream need not.
    assert "error" not in shown.getvalue() and "unknown key" not in shown.getvalue()
    assert isinstance(data.value, aura_bench.AuraBenchError)
    again = pickle.loads(pickle.dumps(data.value))
    assert (type(again), str(again), again.exit_code) == (aura_bench.DataError, str(data.value), 3)


def test_check_returns_verdicts_or_raises_with_them(made: Made, tmp_path: Path) -> None:
    baseline = tmp_path / "baseline.toml"
    save = [aura_bench.program(), "baseline", "save", str(made.result.run_dir), "--out", str(baseline), "--quiet"]
    subprocess.run(save, check=True, capture_output=True)
    assert aura_bench.check(made.result, baseline)["failed"] is False
    head, section = baseline.read_text(encoding="utf-8").split("[metrics.k_stable]")
    baseline.write_text(head + "[metrics.k_stable]" + re.sub(r"max = .*", "max = 0.5", section, count=1), encoding="utf-8")
    with pytest.raises(aura_bench.CheckFailed) as failed:
        aura_bench.check(made.runs, baseline)
    assert failed.value.exit_code == 1 and failed.value.report is not None
    findings = failed.value.report["runs"][0]["findings"]
    assert [finding["metric"] for finding in findings if finding["fails"]] == ["k_stable"]
    with pytest.raises(aura_bench.DataError):
        aura_bench.check(made.result, tmp_path / "none.toml")


def test_explain_names_archetypes_and_their_images(made: Made) -> None:
    sample = made.json("SELECT sample_id FROM samples WHERE split = 'test' LIMIT 1")[0]["sample_id"]
    found = aura_bench.explain(made.result, sample, top=3, images=2, seed=1)
    command = [aura_bench.program(), "explain", str(made.result.run_dir), sample, "--json"]
    options = ["--top", "3", "--images", "2", "--seed", "1"]
    assert found == json.loads(subprocess.run([*command, *options], check=True, capture_output=True).stdout)
    with pytest.raises(aura_bench.UsageError, match="has no sample `nobody`"):
        aura_bench.explain(made.result, "nobody")


# What a run leaves behind that is stopped in the middle of its training.
LONG = """
import sys, aura_bench
try:
    aura_bench.run({recipe!r}, stand_in=True, seeds=[0], out={out!r}, cache={cache!r}, device="cpu", **{keys!r})
except KeyboardInterrupt as error:
    print(error, flush=True)
"""


@pytest.fixture
def long(made: Made, tmp_path: Path) -> Any:
    """A Python process with a run that takes for ever, once it trains."""
    keys = {**SMALL, "train": {"epochs": 1_000_000, "checkpoint_every": 1}}
    code = LONG.format(recipe=RECIPE, out=str(tmp_path / "runs"), cache=str(made.cache), keys=keys)
    process = start(code, until="training")
    until = time.monotonic() + 60
    while not checkpoints(tmp_path / "runs") and time.monotonic() < until:
        time.sleep(0.1)
    yield process, tmp_path / "runs"
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def checkpoints(folder: Path) -> list[Path]:
    """What a run that was stopped goes on from."""
    return list(folder.glob("*/seed-0/*checkpoint*"))


def start(code: str, until: str) -> subprocess.Popen[str]:
    """A Python process in a group of its own, once its run has said `until`."""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    assert any(until in line for line in process.stderr)
    return process


def program_ended(folder: Path, seconds: float = 20) -> bool:
    """Whether nobody holds the lock of the seed any more: it is free, or its holder is gone."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        newest = max(folder.glob("*/seed-0/.lock.*"), key=lambda claim: int(claim.suffix[1:]))
        state, _, owner = newest.read_text().split()
        if state == "free" or not is_running(int(owner.split(".")[3])):
            return True
        time.sleep(0.1)
    return False


def is_running(process: int) -> bool:
    """Whether there is such a process, and it does more than wait for its parent."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{process}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


needs_signals = pytest.mark.skipif(os.name == "nt", reason="signals to another process")


@needs_signals
@pytest.mark.parametrize("whole_group", [False, True], ids=["python alone", "as a terminal does"])
def test_ctrl_c_stops_at_the_checkpoint(long: Any, whole_group: bool) -> None:
    process, folder = long
    assert not program_ended(folder, seconds=0.3)
    (os.killpg if whole_group else os.kill)(process.pid, signal.SIGINT)
    printed, _ = process.communicate(timeout=30)
    # In the words of the program, so it was not killed.
    assert printed == "interrupted; the same command continues where this one stopped\n" and process.returncode == 0
    assert program_ended(folder, seconds=0.3) and checkpoints(folder)


@needs_signals
def test_a_run_does_not_outlive_a_python_that_is_killed(long: Any) -> None:
    process, folder = long
    process.kill()
    assert program_ended(folder)


@needs_signals
def test_a_second_run_says_that_it_waits_for_the_first_and_can_be_stopped(long: Any) -> None:
    first, folder = long
    second = start(first.args[-1], until="waiting for aura-bench")
    second.send_signal(signal.SIGINT)
    assert second.communicate(timeout=30)[0].startswith("interrupted; the same command continues")
    assert first.poll() is None and not program_ended(folder, seconds=0.3)


def run_small(made: Made, **more: Any) -> aura_bench.RunResult:
    """The run of all tests, again."""
    return aura_bench.run(RECIPE, stand_in=True, seeds=[0, 1], out=made.runs, cache=made.cache, device="cpu", **{**SMALL, **more})
