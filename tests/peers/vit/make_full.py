# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy", "torch", "transformers"]
# ///
"""Golden values of a full-size CLIP ViT-B/16 with random weights, computed by transformers.

The weights are 86 million numbers that both sides make from their names with the same integer arithmetic, so that only
the answer has to be kept. Run with numpy, torch and transformers:

    python tests/peers/vit/make_full.py
"""

import json
from pathlib import Path

import numpy as np
import torch
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

MASK = (1 << 64) - 1


def fnv1a(name: str) -> int:
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


def uniform(name: str, count: int) -> np.ndarray:
    """`count` numbers in [-0.5, 0.5), exact in single precision."""
    with np.errstate(over="ignore"):
        z = np.uint64(fnv1a(name)) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float32) / np.float32(1 << 24) - np.float32(0.5)


def parameter(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    values = uniform(name, int(np.prod(shape)))
    if "norm" in name and name.endswith("weight"):
        values = values * np.float32(0.25) + np.float32(1.0)
    else:
        values = values * np.float32(0.125)
    return torch.from_numpy(values.reshape(shape))


def main() -> None:
    config = CLIPVisionConfig(
        hidden_size=768, intermediate_size=3072, projection_dim=512, num_hidden_layers=12, num_attention_heads=12,
        image_size=224, patch_size=16, hidden_act="quick_gelu",
    )
    model = CLIPVisionModelWithProjection(config).eval()
    names = {
        "class": "vision_model.embeddings.class_embedding",
        "position": "vision_model.embeddings.position_embedding.weight",
        "patch.weight": "vision_model.embeddings.patch_embedding.weight",
        "pre_norm": "vision_model.pre_layrnorm",
        "post_norm": "vision_model.post_layernorm",
        "projection": "visual_projection.weight",
    }
    parts = {
        "norm1": "layer_norm1", "norm2": "layer_norm2", "q": "self_attn.q_proj", "k": "self_attn.k_proj",
        "v": "self_attn.v_proj", "out": "self_attn.out_proj", "fc1": "mlp.fc1", "fc2": "mlp.fc2",
    }
    for ours in ("pre_norm", "post_norm"):
        theirs = names.pop(ours)
        for leaf in ("weight", "bias"):
            names[f"{ours}.{leaf}"] = f"{theirs}.{leaf}"
    for layer in range(12):
        for ours, theirs in parts.items():
            for leaf in ("weight", "bias"):
                names[f"layers.{layer}.{ours}.{leaf}"] = f"vision_model.encoder.layers.{layer}.{theirs}.{leaf}"
    state = model.state_dict()
    filled = {theirs: parameter(ours, tuple(state[theirs].shape)) for ours, theirs in names.items()}
    missing = [name for name in state if name not in filled and not name.endswith("position_ids")]
    assert not missing, missing
    model.load_state_dict(filled, strict=False)

    # An image of noise, as 8-bit values, normalised as CLIP has it.
    pixels = np.floor((uniform("image", 224 * 224 * 3) + np.float32(0.5)) * np.float32(256)).reshape(224, 224, 3)
    mean = np.array([0.48145466, 0.4578275, 0.40821073], dtype=np.float32)
    std = np.array([0.26862954, 0.26130258, 0.27577711], dtype=np.float32)
    values = torch.from_numpy(((pixels.astype(np.float32) / 255.0 - mean) / std).transpose(2, 0, 1)[None].copy())
    with torch.no_grad():
        out = model(pixel_values=values)
        tokens = model.vision_model.post_layernorm(out.last_hidden_state[:, 1:])[0]
    golden = {
        "global": out.image_embeds[0].tolist(),
        # Every 13th patch, every 7th value.
        "tokens": tokens[::13, ::7].flatten().tolist(),
    }
    path = Path(__file__).with_name("full_b16.json")
    path.write_text(json.dumps({k: [float(f"{v:.7g}") for v in vs] for k, vs in golden.items()}) + "\n")
    print(path, path.stat().st_size, "bytes; largest", max(map(abs, golden["global"])), max(map(abs, golden["tokens"])))


if __name__ == "__main__":
    main()
