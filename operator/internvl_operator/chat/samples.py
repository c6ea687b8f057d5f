"""Pictures to ask about, which need no file and no network."""

import struct
import zlib

from internvl_operator.chat.content import data_url

_SIDE = 448
"""Pixels: one tile of InternVL2."""

_COLOURS = {"red": (220, 20, 20), "blue": (20, 40, 220)}
_WHITE = (255, 255, 255)


def disc(colour: str) -> str:
    """Return a picture of a disc on a white ground, as a data URL.

    Args:
        colour: ``red`` or ``blue``.
    """
    centre, radius = _SIDE / 2, _SIDE / 3
    rows = []
    for y in range(_SIDE):
        half = max(0.0, radius**2 - (y - centre) ** 2) ** 0.5
        left, right = round(centre - half), round(centre + half)
        rows.append(_row(left, right, _COLOURS[colour]))
    return data_url(_png(rows))


def _row(left: int, right: int, colour: tuple[int, int, int]) -> bytes:
    """Return a row of pixels, coloured from left to right, behind the byte that names its filter (none)."""
    pixels = bytes(_WHITE) * left + bytes(colour) * (right - left) + bytes(_WHITE) * (_SIDE - right)
    return b"\x00" + pixels


def _png(rows: list[bytes]) -> bytes:
    """Return rows of 8-bit RGB pixels as a file (Portable Network Graphics, W3C)."""
    header = struct.pack(">IIBBBBB", _SIDE, len(rows), 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
