"""The forward pass of a frozen CLIP image tower (ViT-B/16 by default) in PyTorch: global vector and patch tokens.

    python benches/peers/encoder.py --device cuda --json

The same architecture and sizes as `aura-bench bench extract --encoder clip`, with weights that mean nothing; f32, eager and
through torch.compile. Images are 8-bit in host memory, as after pre-processing, and results are read back, as for a feature
table.
"""

import argparse
import json
import time

import torch
import torch.nn.functional as F


class Layer(torch.nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)
        self.qkv, self.out = torch.nn.Linear(width, 3 * width), torch.nn.Linear(width, width)
        self.up, self.down = torch.nn.Linear(width, 4 * width), torch.nn.Linear(4 * width, width)

    def forward(self, x):
        b, n, d = x.shape
        of = lambda y: y.reshape(b, n, self.heads, d // self.heads).transpose(1, 2)
        q, k, v = self.qkv(self.norm1(x)).chunk(3, -1)
        mixed = F.scaled_dot_product_attention(of(q), of(k), of(v)).transpose(1, 2).reshape(b, n, d)
        x = x + self.out(mixed)
        h = self.up(self.norm2(x))
        return x + self.down(h * torch.sigmoid(1.702 * h))


class Tower(torch.nn.Module):
    def __init__(self, size=224, patch=16, width=768, layers=12, heads=12, out=512):
        super().__init__()
        self.patches = torch.nn.Conv2d(3, width, patch, patch, bias=False)
        self.first = torch.nn.Parameter(torch.randn(width) * width**-0.5)
        self.positions = torch.nn.Parameter(torch.randn((size // patch) ** 2 + 1, width) * width**-0.5)
        self.before, self.after = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)
        self.layers = torch.nn.ModuleList(Layer(width, heads) for _ in range(layers))
        self.projection = torch.nn.Linear(width, out, bias=False)
        self.register_buffer("mean", torch.tensor([0.48145466, 0.4578275, 0.40821073]).reshape(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor([0.26862954, 0.26130258, 0.27577711]).reshape(1, 3, 1, 1))

    def forward(self, pixels):
        x = (pixels.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.deviation
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(len(x), 1, -1), x], 1) + self.positions
        x = self.before(x)
        for layer in self.layers:
            x = layer(x)
        return self.projection(self.after(x[:, 0])), x[:, 1:]


def synchronise(device):
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@torch.inference_mode()
def measure(arguments, compiled):
    device = torch.device(arguments.device)
    torch.manual_seed(0)
    tower = Tower().eval().to(device)
    forward = torch.compile(tower) if compiled else tower
    images = torch.randint(0, 256, (arguments.images, 224, 224, 3), dtype=torch.uint8)

    def run(part):
        for batch in part.split(arguments.batch):
            vector, tokens = forward(batch.to(device))
            vector.cpu(), tokens.cpu()

    clock = time.perf_counter()
    run(images[: arguments.batch])
    synchronise(device)
    warm = time.perf_counter() - clock
    clock = time.perf_counter()
    run(images)
    synchronise(device)
    seconds = time.perf_counter() - clock
    found = {"images_per_second": len(images) / seconds, "warm_up_seconds": warm}
    if device.type == "cuda":
        found["memory_bytes"] = torch.cuda.max_memory_allocated(device)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--images", type=int, default=1024)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--tf32", action="store_true", help="let f32 products use TF32")
    parser.add_argument("--no-compile", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_float32_matmul_precision("high" if arguments.tf32 else "highest")
    found = {"torch": torch.__version__, "device": arguments.device, "tf32": arguments.tf32,
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
                print(f"{name:<9} {found[name]['images_per_second']:.1f} images/s")


main()
