"""Images of any size, of which there is no more than the header."""

import base64
import struct


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)


def jpeg(width: int, height: int, marker: int = 0xC2) -> bytes:
    """A comment, a fill byte and the frame header; its marker says how the image is coded."""
    comment = b"\xff\xfe" + struct.pack(">H", 2 + 3) + b"\xff\xc0!"
    frame = struct.pack(">HBHH", 8, 8, height, width)
    return b"\xff\xd8" + comment + b"\xff\xff" + bytes([marker]) + frame


def data_url(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


def image_part(width: int, height: int, **parameters: object) -> dict[str, object]:
    """An image as a part of a message."""
    return {"type": "image_url", "image_url": {"url": data_url(png(width, height)), **parameters}}
