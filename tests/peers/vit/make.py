# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy", "pillow==13.0.0", "safetensors==0.8.0", "torch==2.15.0", "transformers==5.23.0"]
# ///
"""Tiny vision transformers with random weights and what transformers computes with them, for src/encoder/tests.rs.

Run from the repository root: python tests/peers/vit/make.py
Made with torch 2.15.0 (CPU), transformers 5.23.0, safetensors 0.8.0, Pillow 13.0.0.
"""
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    ViTConfig,
    ViTModel,
)

here = Path(__file__).parent
photo = Image.open(here.parent / "preprocess" / "photo.png").convert("RGB")
torch.manual_seed(0)

CLIP = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def prepare(size, resize, crop, mean, std):
    """PIL resize, centre crop, normalise: what the model folder's preprocessor_config.json says."""
    w, h = photo.size
    w, h = (resize, int(resize * h / w)) if w <= h else (int(resize * w / h), resize)
    image = photo.resize((w, h), Image.Resampling.BICUBIC)
    left, top = int(round((w - crop) / 2.0)), int(round((h - crop) / 2.0))
    image = image.crop((left, top, left + crop, top + crop))
    x = (np.asarray(image, dtype=np.float32) / 255.0 - np.float32(mean)) / np.float32(std)
    return torch.from_numpy(x).permute(2, 0, 1)[None]


def spread(model):
    """Every parameter away from its neutral value, so that none can be forgotten unnoticed."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.add_(torch.randn_like(parameter) * (0.3 if parameter.ndim == 1 else 0.15))


def rounded(x):
    return [float(f"{v:.7g}") for v in x.flatten().tolist()]


small = dict(num_hidden_layers=2, num_attention_heads=4, hidden_size=16)
cases = {
    "clip": (
        CLIPVisionModelWithProjection(
            CLIPVisionConfig(**small, intermediate_size=40, image_size=32, patch_size=8, projection_dim=12)
        ),
        32, 32, CLIP,
    ),
    "dino": (ViTModel(ViTConfig(**small, intermediate_size=40, image_size=32, patch_size=8)), 36, 32, IMAGENET),
    # Trained on 8 x 8 patches, used on 5 x 5: the position embedding is interpolated.
    "dinov2": (Dinov2Model(Dinov2Config(**small, mlp_ratio=3, image_size=48, patch_size=6)), 32, 30, IMAGENET),
    "dinov2_swiglu": (
        Dinov2Model(Dinov2Config(**small, mlp_ratio=3, image_size=24, patch_size=6, use_swiglu_ffn=True)),
        24, 24, IMAGENET,
    ),
    # Trained on 7 x 7 patches, used on 4 x 4: interpolated with antialiasing.
    "dinov2_registers": (
        Dinov2WithRegistersModel(
            Dinov2WithRegistersConfig(**small, mlp_ratio=2, image_size=42, patch_size=6, num_register_tokens=3)
        ),
        30, 24, IMAGENET,
    ),
}
for name, (model, resize, crop, (mean, std)) in cases.items():
    model.eval()
    spread(model)
    folder = here / name
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        json.dumps(
            {
                "do_resize": True, "size": {"shortest_edge": resize}, "resample": 3,
                "do_center_crop": True, "crop_size": {"height": crop, "width": crop},
                "do_rescale": True, "rescale_factor": 1 / 255,
                "do_normalize": True, "image_mean": mean, "image_std": std,
            },
            indent=2,
        )
        + "\n"
    )
    with torch.no_grad():
        out = model(pixel_values=prepare(crop, resize, crop, mean, std))
        if name == "clip":
            hidden = model.vision_model.post_layernorm(out.last_hidden_state)
            result, tokens = out.image_embeds[0], hidden[0, 1:]
        else:
            skip = 1 + getattr(model.config, "num_register_tokens", 0)
            result, tokens = out.last_hidden_state[0, 0], out.last_hidden_state[0, skip:]
    (folder / "golden.json").write_text(
        json.dumps({"global": rounded(result), "tokens": rounded(tokens)}, separators=(",", ":")) + "\n"
    )
    print(name, result.shape, tokens.shape, sorted(load_file(folder / "model.safetensors"))[:60])

# The same weights as OpenAI's CLIP and as the original DINO and DINOv2 name them.
clip = load_file(here / "clip" / "model.safetensors")
v = "vision_model."
original = {
    "visual.class_embedding": clip[v + "embeddings.class_embedding"],
    "visual.positional_embedding": clip[v + "embeddings.position_embedding.weight"],
    "visual.conv1.weight": clip[v + "embeddings.patch_embedding.weight"],
    "visual.proj": clip["visual_projection.weight"].T.contiguous(),
    "logit_scale": torch.tensor(4.6),
    "token_embedding.weight": torch.zeros(3, 4),
}
for ours, theirs in [("ln_pre", "pre_layrnorm"), ("ln_post", "post_layernorm")]:
    for leaf in ["weight", "bias"]:
        original[f"visual.{ours}.{leaf}"] = clip[f"{v}{theirs}.{leaf}"]
for i in range(2):
    a, b = f"visual.transformer.resblocks.{i}.", f"{v}encoder.layers.{i}."
    for leaf in ["weight", "bias"]:
        original[f"{a}attn.in_proj_{leaf}"] = torch.cat([clip[f"{b}self_attn.{p}_proj.{leaf}"] for p in "qkv"])
        for ours, theirs in [
            ("attn.out_proj", "self_attn.out_proj"), ("ln_1", "layer_norm1"), ("ln_2", "layer_norm2"),
            ("mlp.c_fc", "mlp.fc1"), ("mlp.c_proj", "mlp.fc2"),
        ]:
            original[f"{a}{ours}.{leaf}"] = clip[f"{b}{theirs}.{leaf}"]
save_file(original, here / "clip_original.safetensors")

for name, parts in [
    ("dino", [("norm1", "layernorm_before"), ("norm2", "layernorm_after"), ("mlp.fc1", "intermediate.dense"),
              ("mlp.fc2", "output.dense")]),
    ("dinov2", [("norm1", "norm1"), ("norm2", "norm2"), ("mlp.fc1", "mlp.fc1"), ("mlp.fc2", "mlp.fc2")]),
]:
    hub = load_file(here / name / "model.safetensors")
    p = "backbone." if name == "dino" else ""
    original = {
        f"{p}cls_token": hub["embeddings.cls_token"],
        f"{p}pos_embed": hub["embeddings.position_embeddings"],
        f"{p}patch_embed.proj.weight": hub["embeddings.patch_embeddings.projection.weight"],
        f"{p}patch_embed.proj.bias": hub["embeddings.patch_embeddings.projection.bias"],
        f"{p}norm.weight": hub["layernorm.weight"],
        f"{p}norm.bias": hub["layernorm.bias"],
    }
    for i in range(2):
        a, b = f"{p}blocks.{i}.", f"encoder.layer.{i}."
        for leaf in ["weight", "bias"]:
            original[f"{a}attn.qkv.{leaf}"] = torch.cat(
                [hub[f"{b}attention.attention.{q}.{leaf}"] for q in ["query", "key", "value"]]
            )
            original[f"{a}attn.proj.{leaf}"] = hub[f"{b}attention.output.dense.{leaf}"]
            for ours, theirs in parts:
                original[f"{a}{ours}.{leaf}"] = hub[f"{b}{theirs}.{leaf}"]
        if name == "dinov2":
            for n in [1, 2]:
                original[f"{a}ls{n}.gamma"] = hub[f"{b}layer_scale{n}.lambda1"]
    save_file(original, here / f"{name}_original.safetensors")
    if name == "dino":
        # The training checkpoint that the original code writes: student and teacher, each with a head.
        torch.save(
            {
                "student": {f"module.{key}": torch.zeros_like(value) for key, value in original.items()},
                "teacher": {f"module.{key}": value for key, value in original.items()}
                | {"module.head.mlp.0.weight": torch.zeros(4, 16)},
                "epoch": 3,
            },
            here / "dino_original.pth",
        )
