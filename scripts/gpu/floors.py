"""The two floors of each workload on an H100 and an H200: its operations over the rate of the unit that does them, and its bytes over
the bandwidth of memory. No version runs much faster than the larger of the two; what is measured is held against it.

    python3 scripts/gpu/floors.py      prints the table of docs/gpu.md

Operations are those of matrix products (2mnk each), which are nearly all; backwards they cost twice what they cost forwards. Bytes are
the fewest that must move: of a training step its batch, and weights, gradients and moments read and written once where they do not
stay in the cache of 50 MB; of an encoder its weights once a batch, and the activations between its products once each way.
"""

from __future__ import annotations

# Of the data sheets, dense, without sparsity: operations and bytes a second (SXM).
RATES = {"tf32": 494.7e12, "bf16": 989.4e12, "f32": 66.9e12}
BANDWIDTHS = {"H100": 3.35e12, "H200": 4.8e12}

D, H, W, K = 768, 512, 256, 150
CONTEXT, HEADS, FORWARD, NEAREST, SEMANTIC = 2, 4, 2, 8, 4


def projector(vectors: int) -> int:
    return 2 * vectors * (D * H + H * W + D * W)


def contextualization(samples: int) -> int:
    asking, all_tokens = 1 + NEAREST, 1 + NEAREST + SEMANTIC
    # Queries, keys and values of the shared tokens once, of the sample each time.
    maps = 2 * (K + SEMANTIC + samples) * 3 * W * W
    attention = 2 * 2 * samples * asking * all_tokens * W
    block = 2 * samples * asking * (W * W + 2 * FORWARD * W * W)
    return maps + attention + block


def dictionary(samples: int) -> int:
    return 2 * samples * K * W * 4 + 2 * K * K * W


PARAMETERS = D * H + H * W + D * W + K * W + 3 * W * W + W * W + 2 * FORWARD * W * W


def training(samples: int, patches: int, queries: int = 0) -> tuple[float, float]:
    vectors = samples * patches
    pooling = 2 * vectors * queries * W * 2 + 2 * samples * queries * W * W
    operations = 3 * (projector(vectors) + pooling + contextualization(samples) + dictionary(samples))
    # Features in half precision, masks of input and hidden units in single; the model itself stays in the cache.
    moved = vectors * D * 2 + vectors * (D + H) * 4
    return operations, moved


def encoder(images: int, layers: int = 12, width: int = 768, tokens: int = 197, patch: int = 16, value: int = 2) -> tuple[float, float]:
    each = tokens * (4 * width * width + 8 * width * width) + 2 * tokens * tokens * width
    operations = 2 * images * (layers * each + (tokens - 1) * 3 * patch * patch * width)
    weights = layers * 12 * width * width * value
    # Read and written: the tokens around each of four products, the wide ones of the feed-forward part.
    activations = images * layers * tokens * width * value * 2 * (3 + 1 + 1 + 4)
    return operations, weights + activations


def rows() -> list[tuple[str, str, float, float, str, int]]:
    epoch = 320_739
    found = []
    for name, samples, patches, queries, count in (
        ("AffectNet-VA, a step of 1,024", 1024, 1, 0, 1),
        ("AffectNet-VA, an epoch of 314 steps", 1024, 1, 0, round(epoch / 1024 + 0.5)),
        ("expressions, a step of 128", 128, 1, 0, 1),
        ("action units, a step of 512 with 196 patches", 512, 196, 16, 1),
    ):
        operations, moved = training(samples, patches, queries)
        found.append((name, "TF32", operations * count, moved * count, "tf32", 0))
    for name, precision, rate, value in (("bf16", "bf16", "bf16", 2), ("f32, products in TF32", "TF32", "tf32", 4)):
        operations, moved = encoder(64, value=value)
        found.append((f"ViT-B/16, 64 images in {name}", precision, operations, moved, rate, 64))
    operations, moved = encoder(64)
    found.append(("ViT-B/16, a step of fine-tuning on 64 images in bf16", "bf16", 3 * operations, 3 * moved, "bf16", 64))
    return found


def amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def main() -> None:
    print("| workload | operations | matrix rate | floor | bytes | floor H100 | floor H200 | at best, H100 / H200 |")
    print("|---|---|---|---|---|---|---|---|")
    for name, precision, operations, moved, rate, images in rows():
        compute = operations / RATES[rate]
        memory = {card: moved / bandwidth for card, bandwidth in BANDWIDTHS.items()}
        best = {card: max(compute, seconds) for card, seconds in memory.items()}
        text = (
            " / ".join(f"{images / seconds:,.0f} images/s" for seconds in best.values())
            if images
            else " / ".join(f"{seconds * 1e3:.3g} ms" for seconds in best.values())
        )
        print(
            f"| {name} | {amount(operations / 1e9)} G | {precision} {RATES[rate] / 1e12:.0f} T/s | {compute * 1e3:.3g} ms | {amount(moved / 1e6)} MB"
            f" | {memory['H100'] * 1e3:.3g} ms | {memory['H200'] * 1e3:.3g} ms | {text} |"
        )


if __name__ == "__main__":
    main()
