"""Holds what the program does on a software device, and with NVRTC in every place that it looks into, against what it should.

Called by scripts/gpu-tests with a folder that holds `aura-bench`, `device.json` (a Vulkan driver) and drivers' libraries, the folder of
the Vulkan loader, and environments with NVIDIA's wheels for CUDA 12 and 13.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

WORK, SWIFTSHADER, CUDA_12, CUDA_13 = (Path(argument) for argument in sys.argv[1:5])
REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = str(WORK / "aura-bench")

# Kernels that are handed out one by one in a step, batches, all losses and the copies of an epoch included; and those of a step of
# which all are (docs/gpu.md has them by cause).
HANDED_OUT, KERNELS = 60, 1150

# What a machine may have set, and what decides here.
UNSET = ("CUDA_PATH", "CONDA_PREFIX", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "VK_DRIVER_FILES", "VK_ICD_FILENAMES")

failures: list[str] = []


def holds(what: str, right: bool, found: object = "") -> None:
    print(f"{'ok    ' if right else 'WRONG '} {what}", flush=True)
    if not right:
        failures.append(what)
        print(f"       found: {found}", flush=True)


def environment(variables: dict[str, str]) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if name not in UNSET}
    return own | {"AURA_BENCH_CACHE": str(WORK / "cache"), "HOME": str(WORK), "PATH": "/usr/bin:/bin"} | variables


def call(*arguments: str, code: int = 0, **variables: str) -> str:
    """What the program prints, in an environment of its own."""
    own = environment(variables)
    done = subprocess.run([PROGRAM, *arguments], env=own, cwd=WORK, capture_output=True, text=True, timeout=900)
    if done.returncode != code:
        raise SystemExit(f"gpu-tests: {' '.join(arguments)}: exit {done.returncode}, not {code}\n{done.stdout}\n{done.stderr}")
    return done.stdout if code == 0 else done.stderr


SOFTWARE = {"VK_DRIVER_FILES": str(WORK / "device.json"), "LD_LIBRARY_PATH": str(SWIFTSHADER)}


def on_device(*arguments: str, code: int = 0) -> str:
    return call(*arguments, code=code, **SOFTWARE)


def stopped_on_device(out: str, *arguments: str) -> None:
    """Calls the program and stops it as Ctrl-C does, once a checkpoint lies below a folder."""
    with subprocess.Popen([PROGRAM, *arguments], env=environment(SOFTWARE), cwd=WORK, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        while process.poll() is None and not any((WORK / out).rglob("checkpoint*")):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=300)[0].decode()
    if process.returncode != 130:
        raise SystemExit(f"gpu-tests: stopped with {process.returncode}, not 130\n{said}")


def nvidia(environment: Path) -> Path:
    return next(environment.glob("lib/python3.*/site-packages/nvidia"))


def merged(target: Path, sources: list[Path]) -> None:
    """One folder of links to all files of several."""
    for source in sources:
        for file in source.rglob("*"):
            if file.is_file():
                link = target / file.relative_to(source)
                link.parent.mkdir(parents=True, exist_ok=True)
                if not link.exists():
                    link.symlink_to(file)


def doctor(driver: str, **variables: str) -> dict:
    """What doctor says of the compiler, with a driver that runs this CUDA."""
    folders = [str(WORK / f"driver-{driver}"), *filter(None, [variables.pop("LD_LIBRARY_PATH", "")])]
    return json.loads(call("doctor", "--json", LD_LIBRARY_PATH=":".join(folders), **variables))


def compilers() -> None:
    twelve, thirteen = nvidia(CUDA_12), nvidia(CUDA_13) / "cu13"
    # As NVIDIA's installer and Conda lay toolkits down.
    toolkit_12, toolkit_13, conda = WORK / "toolkit-12", WORK / "toolkit-13", WORK / "conda"
    includes_12 = [twelve / package / "include" for package in ("cuda_runtime", "cuda_cccl", "cuda_nvcc")]
    merged(toolkit_12 / "include", includes_12)
    merged(toolkit_12 / "lib64", [twelve / "cuda_nvrtc" / "lib"])
    merged(toolkit_13 / "include", [thirteen / "include"])
    merged(toolkit_13 / "lib64", [thirteen / "lib"])
    merged(conda / "targets/x86_64-linux/include", includes_12)
    merged(conda / "lib", [twelve / "cuda_nvrtc" / "lib"])
    other = WORK / "other"
    other.mkdir()
    (other / "libnvrtc.so").symlink_to(twelve / "cuda_nvrtc/lib/libnvrtc.so.12")

    for name, driver, variables, named_by, version in (
        ("wheels of CUDA 12 in the active environment", "12080", {"VIRTUAL_ENV": str(CUDA_12)}, "wheels", "12.8"),
        ("wheels of CUDA 13 in the active environment", "13050", {"VIRTUAL_ENV": str(CUDA_13)}, "wheels", "13.5"),
        ("wheels beside the python3 of the shell", "12080", {"PATH": f"{CUDA_12}/bin:/usr/bin:/bin"}, "wheels", "12.8"),
        ("a toolkit of CUDA 12", "12080", {"CUDA_PATH": str(toolkit_12)}, "CUDA_PATH", "12.8"),
        ("a toolkit of CUDA 13", "13050", {"CUDA_PATH": str(toolkit_13)}, "CUDA_PATH", "13.5"),
        ("Conda", "12080", {"CONDA_PREFIX": str(conda)}, "CONDA_PREFIX", "12.8"),
        (
            "CUDA 12 beside a toolkit of 13 that the driver cannot run",
            "12080",
            {"CUDA_PATH": str(toolkit_13), "VIRTUAL_ENV": str(CUDA_12)},
            "wheels",
            "12.8",
        ),
        (
            "CUDA 13 where the linker has a libnvrtc.so of 12",
            "13050",
            {"CUDA_PATH": str(toolkit_13), "LD_LIBRARY_PATH": str(other)},
            "CUDA_PATH",
            "13.5",
        ),
    ):
        found = doctor(driver, **variables)
        place = found["machine"]["compiler"] or {}
        right = (place.get("named_by"), place.get("version"), found["compiled_by"]) == (named_by, version, version)
        holds(f"NVRTC: {name}", right, {"place": place, "compiled_by": found["compiled_by"], "missing": found["missing"]})
    found = doctor("12080")
    holds("NVRTC: none", found["machine"]["compiler"] is None and found["compiled_by"] is None, found["machine"]["toolkit"])
    text = call("doctor", LD_LIBRARY_PATH=str(WORK / "driver-12080"), VIRTUAL_ENV=str(CUDA_13))
    holds("NVRTC: one that the driver cannot run is said to be", "the driver runs what CUDA 12.8 or older compiles" in text, text)
    refused = call("bench", "train", "--device", "cuda", code=4, LD_LIBRARY_PATH=str(WORK / "driver-12080"))
    holds("CUDA: a driver without a device is one sentence", len(refused.strip().splitlines()) == 1, refused)


def training() -> None:
    sizes = ["--set", "model.k_max=16", "--set", "model.width=16", "--set", "model.hidden=16", "--samples", "250", "--dims", "16"]
    bench = ["bench", "train", str(REPOSITORY / "recipes/rafdb.toml"), *sizes, "--batch", "32", "--epochs", "1", "--json"]
    placements = ("device", "stream", "host")
    found = {name: json.loads(on_device(*bench, "--device", "gpu", "--placement", name)) for name in placements}
    launched = json.loads(on_device(*bench, "--device", "gpu", "--placement", "stream", "--no-replay"))
    digests = {name: speed["parameters_digest"] for name, speed in found.items()} | {"no-replay": launched["parameters_digest"]}
    holds("a step: the same bits wherever batches come from, replayed or not", len(set(digests.values())) == 1, digests)
    holds("a step: batches come from where they are told to", all(s["placement"] == p for p, s in found.items()))
    replayed = {name: speed["replayed"] for name, speed in found.items()}
    holds("a step: replayed, unless it is not to be", all(replayed.values()) and not launched["replayed"], replayed)
    for name, speed in found.items():
        count = speed["kernels_per_step"]
        holds(f"a step: {count:.0f} kernels handed out beside its recording ({name}), at most {HANDED_OUT}", 0 < count <= HANDED_OUT)
    causes = {cause["cause"]: cause["per_step"] for cause in launched["kernels_by_cause"]}
    count = launched["kernels_per_step"]
    holds(f"a step: {count:.0f} kernels without, at most {KERNELS}: {causes}", 0 < count <= KERNELS)
    holds("a step: every kernel has a cause", causes.get("other", 0) <= 1 and abs(sum(causes.values()) - count) < 1e-6, causes)
    for recipe, tokens in (("affectnet_va", "1"), ("disfa", "3")):
        named = str(REPOSITORY / f"recipes/{recipe}.toml")
        other = ["bench", "train", named, *sizes, "--tokens", tokens, "--batch", "64", "--epochs", "1", "--json", "--device", "gpu"]
        ways = [json.loads(on_device(*other, *more)) for more in ([], ["--no-replay"])]
        right = ways[0]["parameters_digest"] == ways[1]["parameters_digest"] and ways[0]["replayed"]
        holds(f"a step: the same bits replayed or not ({recipe})", right, [way["losses"] for way in ways])
    processor = json.loads(on_device(*bench, "--device", "cpu"))
    apart = {
        name: abs(loss - processor["losses"][name]) / max(abs(processor["losses"][name]), 1e-3)
        for name, loss in found["device"]["losses"].items()
    }
    holds("a step: the losses of the processor", max(apart.values()) < 1e-3, apart)


def whole_run() -> None:
    recipe = str(REPOSITORY / "recipes/rafdb.toml")
    small = ["method=paper", "baselines.enabled=false", "stand_in.samples=160", "train.epochs=4", "train.checkpoint_every=1", "model.k_max=16"]
    # An epoch without and three with contextualization, a reset between two of them.
    small += ["model.width=32", "model.hidden=32", "model.contextualization.start_epoch=2", "model.reset.warmup=2", "model.reset.interval=1"]
    # Features of a transformer, and the same one fine-tuned.
    small += ["encoder.kind=dino", f"encoder.weights={REPOSITORY / 'tests/peers/vit/dino'}", "finetune.enabled=true", "finetune.epochs=1"]
    sets = [word for key in small for word in ("--set", key)]
    run = ["run", recipe, "--stand-in", "--quiet", "--seeds", "0", *sets]
    for device in ("gpu", "cpu"):
        on_device(*run, "--device", device, "--out", f"runs-{device}")
    manifests = {device: json.loads(next((WORK / f"runs-{device}").glob("*/manifest.json")).read_text()) for device in ("gpu", "cpu")}
    holds("a run: names the device", "SwiftShader" in json.dumps(manifests["gpu"]), manifests["gpu"].get("device"))
    folders = {device: next((WORK / f"runs-{device}").glob("*/manifest.json")).parent.name for device in manifests}
    holds("a run: of another kind of device is another run", folders["gpu"] != folders["cpu"], folders)
    stopped_on_device("runs-cut", *run, "--device", "gpu", "--out", "runs-cut")
    on_device(*run, "--device", "gpu", "--out", "runs-cut")
    losses = {}
    for name in ("gpu", "cpu", "cut"):
        query = "SELECT method, epoch, value FROM metrics WHERE split = 'train' AND metric = 'loss' ORDER BY method, epoch"
        rows = json.loads(on_device("query", "--runs", f"runs-{name}", "--format", "json", query))
        losses[name] = {(row["method"], row["epoch"]): row["value"] for row in rows}
    holds("a run: stopped and called again it is the same", losses["cut"] == losses["gpu"], losses)
    for method, epochs, most in (("aura", 4, 0.02), ("finetune", 1, 1e-3)):
        pairs = [(losses["gpu"].get((method, epoch)), losses["cpu"].get((method, epoch))) for epoch in range(1, epochs + 1)]
        apart = [abs(a - b) / abs(b) for a, b in pairs if a is not None and b is not None]
        holds(f"a run: the losses of the processor, epoch by epoch ({method})", len(apart) == epochs and max(apart) < most, pairs)


def main() -> int:
    start = time.monotonic()
    found = json.loads(on_device("doctor", "--json"))
    holds("doctor: the device", any("SwiftShader" in adapter and "software" in adapter for adapter in found["adapters"]), found["adapters"])
    holds("doctor: auto does not take it", found["device"].startswith("cpu"), found["device"])
    refused = on_device("doctor", "--gpu-parity", "--device", "gpu:7", code=4)
    holds("gpu:7 is one sentence", len(refused.strip().splitlines()) == 1 and "gpu:0" in refused, refused)
    compilers()
    training()
    parity = json.loads(on_device("doctor", "--gpu-parity", "--quick", "--device", "gpu", "--json"))
    wrong = [row for row in parity["comparisons"] if not row["passed"]]
    holds(f"parity: {len(parity['comparisons'])} comparisons", parity["passed"] and len(parity["comparisons"]) > 400, wrong[:5])
    whole_run()
    print(f"{len(failures)} failed, {time.monotonic() - start:.0f} s")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
