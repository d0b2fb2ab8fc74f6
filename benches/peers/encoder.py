# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy", "pillow", "torch", "transformers"]
# ///
"""Features of frozen encoders with transformers: the forward pass alone, and from image files through a DataLoader.

    python benches/peers/encoder.py --device cuda --json
    aura-bench bench extract --peer python        # both on the same files, in batches of the same size, with the ratios

The models in their usual sizes with weights that mean nothing, f32, eager and through torch.compile. Images are 8-bit in
host memory before the forward pass, as after pre-processing, and global vector and patch tokens are read back, as for a
feature table. Without --folder, the images are drawn and only the forward pass is measured.
"""

from pathlib import Path

import torch
import transformers
from torch.utils.data import DataLoader, Dataset

from common import options, run, seconds, with_memory


class Features(torch.nn.Module):
    """Pixels (B x H x W x 3, 8-bit) to global vectors and patch tokens."""

    def __init__(self, encoder):
        super().__init__()
        if encoder == "clip":
            config = transformers.CLIPVisionConfig(patch_size=16, hidden_size=768, intermediate_size=3072, num_hidden_layers=12,
                                                   num_attention_heads=12, projection_dim=512)
            self.model = transformers.CLIPVisionModelWithProjection(config)
            mean, deviation = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
            self.sizes = 224, 224
        else:
            config = transformers.ViTConfig() if encoder == "dino" else transformers.Dinov2Config(image_size=518, patch_size=14)
            self.model = (transformers.ViTModel if encoder == "dino" else transformers.Dinov2Model)(config)
            mean, deviation = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
            self.sizes = 256, 224
        self.clip = encoder == "clip"
        self.register_buffer("mean", torch.tensor(mean).reshape(1, 3, 1, 1))
        self.register_buffer("deviation", torch.tensor(deviation).reshape(1, 3, 1, 1))

    def forward(self, pixels):
        x = (pixels.permute(0, 3, 1, 2).float() / 255 - self.mean) / self.deviation
        out = self.model(pixel_values=x)
        if self.clip:
            return out.image_embeds, self.model.vision_model.post_layernorm(out.last_hidden_state)[:, 1:]
        return out.last_hidden_state[:, 0], out.last_hidden_state[:, 1:]


class Images(Dataset):
    """Image files, brought to size as the model's own pre-processing does it."""

    def __init__(self, folder, short, side):
        self.files = sorted(path for path in Path(folder).iterdir() if path.is_file())
        self.short, self.side = short, side

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        import numpy
        from PIL import Image

        image = Image.open(self.files[index]).convert("RGB")
        width, height = image.size
        scale = self.short / min(width, height)
        image = image.resize((round(width * scale), round(height * scale)), Image.Resampling.BICUBIC)
        left, top = (image.width - self.side) // 2, (image.height - self.side) // 2
        return torch.from_numpy(numpy.array(image.crop((left, top, left + self.side, top + self.side))))


@torch.inference_mode()
def measure(arguments, compiled):
    device = torch.device(arguments.device)
    torch.manual_seed(0)
    model = Features(arguments.encoder).eval().to(device)
    forward = torch.compile(model) if compiled else model
    short, side = model.sizes

    def encode(batches):
        number = 0
        for batch in batches:
            vector, tokens = forward(batch.to(device))
            vector.cpu(), tokens.cpu()
            number += len(batch)
        return number

    loader = None
    if arguments.folder:
        loader = DataLoader(Images(arguments.folder, short, side), batch_size=arguments.batch, num_workers=arguments.threads)
        batches = list(loader)
    else:
        batches = torch.randint(0, 256, (arguments.images, side, side, 3), dtype=torch.uint8).split(arguments.batch)
    warm, _ = seconds(device, lambda: encode(batches[:1]))
    taken, number = seconds(device, lambda: encode(batches))
    found = {"images_per_second": number / taken, "warm_up_seconds": warm}
    if loader:
        taken, number = seconds(device, lambda: encode(loader))
        found["extracted_per_second"] = number / taken
    return with_memory(found, device)


def main():
    parser = options(__doc__, images=1024, batch=64, threads=torch.get_num_threads())
    parser.add_argument("--encoder", choices=["clip", "dino", "dinov2"], default="clip")
    parser.add_argument("--folder", help="image files to extract from")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    run(arguments, measure, lambda found: f"{found['images_per_second']:.1f} images/s", transformers=transformers.__version__)


if __name__ == "__main__":
    main()
