"""What the PyTorch peers share: options, the clock, and the eager and the compiled measurement one after the other."""

import argparse
import json
import time

import torch


def options(description, **sizes):
    """A parser with the options that every peer has, and a whole number for each of `sizes`."""
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    for name, value in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--tf32", action="store_true", help="let f32 products use TF32")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--json", action="store_true")
    return parser


def synchronise(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(device, work):
    """How long `work` takes, with everything that it starts on the device, and what it returns."""
    clock = time.perf_counter()
    result = work()
    synchronise(device)
    return time.perf_counter() - clock, result


def with_memory(found, device):
    if device.type == "cuda":
        found["memory_bytes"] = torch.cuda.max_memory_allocated(device)
    return found


def run(arguments, measure, line, **facts):
    """Measures eagerly and through torch.compile, and prints one JSON object, or what `line` makes of each measurement."""
    torch.set_float32_matmul_precision("high" if arguments.tf32 else "highest")
    found = {"torch": torch.__version__, **facts, "device": arguments.device, "tf32": arguments.tf32,
             "eager": measure(arguments, compiled=False)}
    if not arguments.no_compile:
        try:
            found["compiled"] = measure(arguments, compiled=True)
        except Exception as error:  # a machine without a C compiler has no torch.compile; the eager numbers stand
            found["compiled_error"] = str(error).strip().splitlines()[-1] if str(error).strip() else repr(error)
    if arguments.json:
        print(json.dumps(found, indent=2))
    else:
        for name in ("eager", "compiled"):
            if name in found:
                print(f"{name:<9} {line(found[name])}")
