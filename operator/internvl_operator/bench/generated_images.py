"""Images to ask about, made without a library: they weigh and decode as photographs do.

One of 1344x896 has 285 KiB, and Pillow decodes it in 26 ms on one core; a JPEG of the same size with quality 88 has
225 KiB and takes 26 ms too (``python -m tests.load_test.images``). Larger spots make smaller files.
"""

import base64
import struct
import zlib
from collections.abc import Iterator
from random import Random

_SPOT = 4
"""Pixels of a square of one colour."""

_CHANNELS = 3
_NO_FILTER = b"\x00"


def generated_image(width: int, height: int, random: Random) -> str:
    """Return an image of coloured spots as a data URL; the same random numbers make the same image."""
    return f"data:image/png;base64,{base64.b64encode(png(width, height, random)).decode()}"


def png(width: int, height: int, random: Random) -> bytes:
    """Return an image of coloured spots as a file (Portable Network Graphics, W3C)."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [
        (b"IHDR", header),
        (b"IDAT", zlib.compress(b"".join(_rows(width, height, random)))),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def _rows(width: int, height: int, random: Random) -> Iterator[bytes]:
    spots = -(-width // _SPOT)
    for top in range(0, height, _SPOT):
        colours = random.randbytes(_CHANNELS * spots)
        row = b"".join(
            colours[start : start + _CHANNELS] * _SPOT for start in range(0, len(colours), _CHANNELS)
        )
        yield (_NO_FILTER + row[: _CHANNELS * width]) * min(_SPOT, height - top)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
