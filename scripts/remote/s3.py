"""Holds what the program says of runs in an S3 bucket against what it says of the same runs in a folder.

Called by scripts/remote-tests with a folder in which `runs` lies; AURA_BENCH_PROGRAM names the program.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import boto3

PROGRAM = os.environ["AURA_BENCH_PROGRAM"]
BUCKET = "results"
# What the tools for S3 read too; the server takes any of them.
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "very-secret", "AWS_REGION": "us-east-1"}


class Server:
    """A server of its own process, which can be killed after some requests."""

    def __init__(self, runs: Path, with_index: bool = True) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        program = [sys.executable, "-c", "from moto.server import main; main()"]
        self.process = subprocess.Popen(
            [*program, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        self.gets: list[str] = []
        self.kill_after: int | None = None
        threading.Thread(target=self._listen, daemon=True).start()
        for _ in range(300):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        else:
            raise SystemExit("remote-tests: the server did not start")
        client = boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        )
        client.create_bucket(Bucket=BUCKET)
        for path in sorted(path for path in runs.rglob("*") if path.is_file()):
            name = path.relative_to(runs).as_posix()
            if with_index or name != "index.json":
                client.upload_file(str(path), BUCKET, f"team/runs/{name}")
        self.gets.clear()

    def _listen(self) -> None:
        for line in self.process.stderr:
            if asked := re.search(r'"GET (\S+)', line):
                self.gets.append(asked.group(1))
                if self.kill_after is not None and len(self.gets) >= self.kill_after:
                    self.process.kill()

    def asked(self) -> list[str]:
        """What was asked for since the last call."""
        time.sleep(0.3)
        asked, self.gets = self.gets, []
        return asked

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class Bench:
    """The program with a cache of its own."""

    def __init__(self, folder: Path, cache: str) -> None:
        self.folder = folder
        self.cache = folder / cache

    def run(self, *arguments: str, server: Server | None = None) -> subprocess.CompletedProcess[str]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        environment |= {"AURA_BENCH_CACHE": str(self.cache), "NO_COLOR": "1"} | KEYS
        if server is not None:
            environment["AWS_ENDPOINT_URL"] = server.url
        answer = subprocess.run(
            [PROGRAM, *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=300
        )
        for secret in ("very-secret", "Signature"):
            assert secret not in answer.stdout + answer.stderr, answer.stderr
        return answer

    def ok(self, *arguments: str, server: Server | None = None) -> str:
        answer = self.run(*arguments, server=server)
        assert answer.returncode == 0, f"{arguments}: exit {answer.returncode}\n{answer.stderr}"
        return answer.stdout


def step(name: str) -> None:
    print(f"remote-tests: {name}", flush=True)


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    here = Bench(folder, "cache")
    here.ok("export", "index", "runs")
    runs = sorted(path.parent for path in (folder / "runs").glob("*/manifest.json"))
    place, first = f"s3://{BUCKET}/team/runs", runs[0].name
    numbers = "SELECT run, method, metric, split, seed, value FROM metrics WHERE epoch IS NULL ORDER BY 1, 2, 3, 4, 5"
    predictions = (
        "SELECT run, seed, method, count(*) AS n, sum(output[1]) AS s FROM predictions GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    )

    def query(bench: Bench, sql: str, runs: str, server: Server | None = None) -> str:
        return bench.ok("query", sql, "--runs", runs, "--format", "csv", server=server)

    step("queries say the same, and only what they ask for comes")
    server, there = Server(folder / "runs"), Bench(folder, "there")
    assert query(there, numbers, place, server) == query(here, numbers, "runs")
    asked = server.asked()
    assert any(name.endswith("index.json") for name in asked), asked
    assert not any(name.endswith(("predictions.parquet", ".safetensors", ".html")) for name in asked), asked
    assert query(there, numbers, place, server) == query(here, numbers, "runs")
    assert len(server.asked()) == 1

    step("the server is killed: what it has is an error, and no old answer")
    server.kill()
    start = time.monotonic()
    answer = there.run("query", predictions, "--runs", place, server=server)
    assert answer.returncode == 3, answer
    assert place in answer.stderr and "the same command goes on" in answer.stderr, answer.stderr
    assert time.monotonic() - start < 60

    step("the same command goes on once it is back")
    server = Server(folder / "runs")
    assert query(there, predictions, place, server) == query(here, predictions, "runs")
    asked = server.asked()
    assert not any(name.endswith(("manifest.json", "metrics.parquet")) for name in asked), asked

    step("it is killed in the middle of a report")
    another = Bench(folder, "another")
    server.kill_after = 9
    answer = another.run("report", place, "--out", "broken", server=server)
    assert answer.returncode == 3, answer
    for path in (folder / "another" / "remote").rglob("*.parquet"):
        found = list(
            (folder / "runs").rglob(
                path.relative_to(folder / "another" / "remote")
                .relative_to(path.relative_to(folder / "another" / "remote").parts[0])
                .as_posix()
            )
        )
        assert len(found) == 1 and found[0].read_bytes() == path.read_bytes(), path
    server = Server(folder / "runs")
    another.ok("report", place, "--out", "there", server=server)
    here.ok("report", "runs", "--out", "here")
    pages = [(folder / name / "report.html").read_text() for name in ("here", "there")]
    assert pages[0] == pages[1], "the page of the runs in the bucket is another one"

    step("check, compare, leaderboard and a single run")
    for verb in (["check"], ["compare"], ["leaderboard"], ["check", f"--baseline={place}/{first}"]):
        said = [here.run(*verb, "runs", server=server), there.run(*verb, place, server=server)]
        assert said[0].returncode == said[1].returncode, said
        texts = [answer.stdout.replace(f"{folder}/runs", "PLACE").replace(place, "PLACE") for answer in said]
        assert texts[0] and texts[0] == texts[1], said
    assert query(there, numbers, f"{place}/{first}", server) == query(here, numbers, f"runs/{first}")
    server.kill()

    step("without an index the bucket is listed, and that is said")
    server, listed = Server(folder / "runs", with_index=False), Bench(folder, "listed")
    answer = listed.run("query", numbers, "--runs", place, "--format", "csv", server=server)
    assert answer.returncode == 0 and answer.stdout == query(here, numbers, "runs"), answer
    assert "export index" in answer.stderr, answer.stderr
    answer = listed.run("check", f"s3://{BUCKET}/nothing", server=server)
    assert answer.returncode == 3 and "no run at or below" in answer.stderr, answer
    answer = listed.run("check", "s3://no-such-bucket/runs", server=server)
    assert answer.returncode == 3 and "s3://no-such-bucket/runs" in answer.stderr, answer
    server.kill()

    names = listed.ok("cache", "ls")
    assert "remote" in names and place in names, names
    shutil.rmtree(folder / "listed")
    print("remote-tests: all held")


if __name__ == "__main__":
    main()
