# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy==2.4.6", "pillow==13.0.0", "scikit-image==0.26.0"]
# ///
"""Real photographs resized by Pillow and files of every odd kind with Pillow's RGB, for src/image/tests.rs.

Run from the repository root: python tests/peers/preprocess/make.py
Made with Pillow 13.0.0, numpy 2.4.6, scikit-image 0.26.0.
"""
import struct
import zlib
from pathlib import Path

import numpy as np
import skimage
from PIL import Image, ImageOps

here = Path(__file__).parent
# NASA's portrait of Eileen Collins (public domain), head and shoulders.
photo = Image.fromarray(skimage.data.astronaut()[20:133, 160:260])
photo.save(here / "photo.png")

# --- Resizing --------------------------------------------------------------------------------------------------------
for name, size, filter in [
    ("bicubic_down", (48, 41), Image.Resampling.BICUBIC),
    ("bicubic_up", (123, 150), Image.Resampling.BICUBIC),
    ("bilinear_down", (37, 64), Image.Resampling.BILINEAR),
    ("lanczos_down", (64, 64), Image.Resampling.LANCZOS),
    # 41 columns and 83 rows less: the vertical pass goes first; with 82 the horizontal one would.
    ("bicubic_vertical_first", (59, 30), Image.Resampling.BICUBIC),
    ("bicubic_horizontal_first", (59, 31), Image.Resampling.BICUBIC),
    ("bicubic_wider_and_lower", (120, 40), Image.Resampling.BICUBIC),
]:
    photo.resize(size, filter).save(here / f"resize_{name}.png")


def clip_like(image, size):
    """torchvision's Resize(size, bicubic) and CenterCrop(size)."""
    w, h = image.size
    w, h = (size, int(size * h / w)) if w <= h else (int(size * w / h), size)
    image = image.resize((w, h), Image.Resampling.BICUBIC)
    left, top = int(round((w - size) / 2.0)), int(round((h - size) / 2.0))
    return image.crop((left, top, left + size, top + size))


clip_like(photo, 56).save(here / "clip_tall.png")
clip_like(photo.transpose(Image.Transpose.ROTATE_90), 61).save(here / "clip_wide.png")

# --- Kinds of pixels -------------------------------------------------------------------------------------------------
odd = here / "odd"
odd.mkdir(exist_ok=True)
small = photo.crop((30, 20, 54, 36))
rgb = np.array(small)
ramp = np.tile(np.linspace(0, 255, 24).astype(np.uint8), (16, 1))
rgba = Image.fromarray(np.dstack([rgb, ramp]), "RGBA")


def write_png(path, bit_depth, colour_type, rows):
    """Pillow writes no 16-bit colour; the format is simple."""
    height, width = rows.shape[:2]
    raw = b"".join(b"\0" + row.astype(">u2").tobytes() for row in rows)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, bit_depth, colour_type, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")
    )


small.save(odd / "rgb.png")
small.convert("L").save(odd / "gray.png")
small.convert("1").save(odd / "one_bit.png")
small.convert("LA").save(odd / "gray_alpha.png")
rgba.save(odd / "rgba.png")
palette = small.quantize(16)
palette.save(odd / "palette.png")
palette.save(odd / "palette_transparent.png", transparency=3)
rng = np.random.default_rng(0)
wide = rgb.astype(np.uint16) * 256 + rng.integers(0, 256, rgb.shape, dtype=np.uint16)
write_png(odd / "rgb16.png", 16, 2, wide)
write_png(odd / "gray16.png", 16, 0, wide[:, :, 0])
small.save(odd / "rgb.bmp")
palette.save(odd / "palette.bmp")
small.save(odd / "rgb.tiff", compression="tiff_lzw")
small.convert("L").save(odd / "gray.tiff")
small.convert("CMYK").save(odd / "cmyk.tiff")
small.save(odd / "lossless.webp", lossless=True)
rgba.save(odd / "alpha.webp", lossless=True, exact=True)
small.convert("CMYK").save(odd / "cmyk.jpg", quality=95)
small.convert("L").save(odd / "gray.jpg", quality=95)
small.save(odd / "progressive.jpg", quality=95, progressive=True)
small.save(odd / "subsampled.jpg", quality=95, subsampling=2)
for orientation in range(1, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    small.save(odd / f"orientation_{orientation}.png", exif=exif)
exif = Image.Exif()
exif[0x0112] = 6
small.save(odd / "orientation_6.jpg", quality=95, exif=exif)
small.save(odd / "orientation_6.webp", lossless=True, exif=exif)
small.save(odd / "orientation_6.tiff", tiffinfo={274: 6})

expected = here / "expected"
expected.mkdir(exist_ok=True)
for path in sorted(odd.iterdir()):
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    if path.name == "gray16.png":
        # Pillow clips here (every value above 255 becomes white); the high byte is expected instead.
        image = Image.fromarray((wide[:, :, 0] >> 8).astype(np.uint8)).convert("RGB")
    image.save(expected / f"{path.name}.png")
