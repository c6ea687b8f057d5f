"""The width and height of a PNG or JPEG image, from its header."""

import struct

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a frame header; the three left out define tables and extensions (ITU T.81, table B.1)."""


class UnreadableImageError(ValueError):
    """The bytes are no PNG or JPEG image."""

    def __init__(self) -> None:
        super().__init__("cannot identify image file")


def image_size(content: bytes) -> tuple[int, int]:
    """Return the width and height in pixels.

    Raises:
        UnreadableImageError: it is neither a PNG nor a JPEG image, or has no pixels.
    """
    try:
        width, height = _png_size(content) if content.startswith(_PNG) else _jpeg_size(content)
    except (struct.error, IndexError):
        raise UnreadableImageError from None
    if width == 0 or height == 0:
        raise UnreadableImageError
    return width, height


def _png_size(content: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", content, len(_PNG) + 8)
    return width, height


def _jpeg_size(content: bytes) -> tuple[int, int]:
    """Walk the segments up to the frame header, which has the size."""
    if not content.startswith(_JPEG):
        raise UnreadableImageError
    position = len(_JPEG)
    while True:
        while content[position : position + 2] == b"\xff\xff":
            position += 1
        marker, length = struct.unpack_from(">xBH", content, position)
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", content, position + 5)
            return width, height
        position += 2 + length
