"""Makes a screenshot small enough for a repository: without the empty rows below the page, and with fewer shades.

    python3 scripts/site/picture.py SCREENSHOT.png PICTURE.png

Reads what Chromium writes (eight bits a channel, not interlaced). Needs nothing but Python.
"""

import struct
import sys
import zlib
from pathlib import Path

# Shades a channel keeps: drawn faces have a grain that costs twice the bytes and is not seen.
SHADES = 26
MARGIN = 24


def chunks(data):
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        sys.exit("not a PNG")
    place = 8
    while place < len(data):
        length, kind = struct.unpack(">I4s", data[place : place + 8])
        yield kind, data[place + 8 : place + 8 + length]
        place += length + 12


def rows(data):
    """Width, and the rows as bytes of red, green and blue."""
    parts = list(chunks(data))
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", parts[0][1])
    if depth != 8 or colour not in (2, 6) or interlaced:
        sys.exit("expected a PNG of eight bits a channel, not interlaced, in colour")
    size = 3 if colour == 2 else 4
    raw = zlib.decompress(b"".join(part for kind, part in parts if kind == b"IDAT"))
    above = bytearray(width * size)
    out = []
    for line in range(height):
        start = line * (width * size + 1)
        kind, row = raw[start], bytearray(raw[start + 1 : start + 1 + width * size])
        for i in range(len(row)):
            left = row[i - size] if i >= size else 0
            if kind == 1:
                row[i] = (row[i] + left) & 255
            elif kind == 2:
                row[i] = (row[i] + above[i]) & 255
            elif kind == 3:
                row[i] = (row[i] + (left + above[i]) // 2) & 255
            elif kind == 4:
                corner = above[i - size] if i >= size else 0
                guess = left + above[i] - corner
                far = (abs(guess - left), abs(guess - above[i]), abs(guess - corner))
                row[i] = (row[i] + (left, above[i], corner)[far.index(min(far))]) & 255
        above = row
        out.append(bytes(row) if size == 3 else bytes(row[i] for i in range(len(row)) if i % 4 < 3))
    return width, out


def written(width, lines):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packed, above = bytearray(), bytes(width * 3)
    for line in lines:
        # Of the filters that PNG knows, the one that leaves the least.
        tried = [
            line,
            bytes((v - (line[i - 3] if i >= 3 else 0)) & 255 for i, v in enumerate(line)),
            bytes((v - above[i]) & 255 for i, v in enumerate(line)),
        ]
        best = min(range(3), key=lambda kind: sum(min(v, 256 - v) for v in tried[kind]))
        packed += bytes([best]) + tried[best]
        above = line
    head = struct.pack(">IIBBBBB", width, len(lines), 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(packed), 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def main(taken, made):
    width, lines = rows(taken.read_bytes())
    filled = max((place for place, line in enumerate(lines) if line != lines[-1]), default=0)
    lines = lines[: filled + MARGIN]
    shades = bytes(round(round(v * (SHADES - 1) / 255) * 255 / (SHADES - 1)) for v in range(256))
    made.write_bytes(written(width, [line.translate(shades) for line in lines]))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: picture.py SCREENSHOT.png PICTURE.png")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
