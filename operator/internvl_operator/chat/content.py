"""The messages of a chat: their text and images, as every supported LMDeploy release takes them."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Message = dict[str, Any]

IMAGE_TOKEN = "<IMAGE_TOKEN>"
"""LMDeploy's mark for the place of an image in a text (vl/constants.py)."""

_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpeg",
    b"GIF8": "gif",
    b"BM": "bmp",
    b"II*\x00": "tiff",
    b"MM\x00*": "tiff",
}


class ImageError(ValueError):
    """A file is not an image, or cannot be read."""


def image_url(source: str) -> str:
    """Return the URL under which the server finds an image.

    Args:
        source: an http(s) or data URL, which is returned as it is, or a local file, which becomes a data URL: the
            server sees no file of the client, and refuses addresses of private networks.

    Raises:
        ImageError: the file cannot be read, or is not an image.
    """
    if source.startswith(("http://", "https://", "data:")):
        return source
    try:
        content = Path(source).expanduser().read_bytes()
    except OSError as error:
        raise ImageError(f"{source}: {error.strerror}") from None
    return data_url(content, source)


def data_url(content: bytes, name: str = "the image") -> str:
    """Return an image as a data URL.

    Raises:
        ImageError: it is not a PNG, JPEG, WebP, GIF, BMP or TIFF image.
    """
    kind = next((kind for signature, kind in _SIGNATURES.items() if content.startswith(signature)), None)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        kind = "webp"
    if kind is None:
        raise ImageError(f"{name} is not a PNG, JPEG, WebP, GIF, BMP or TIFF image")
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def user_message(text: str, images: Sequence[str] = ()) -> Message:
    """Return a question about images as a message.

    One text part with marks for the images gives the same prompt in all releases; several text parts do not: the
    older ones read the first alone.

    Args:
        text: the question; marks of its own (``<IMAGE_TOKEN>``) stay where they are.
        images: URLs, in the order of their marks.
    """
    if not images:
        return {"role": "user", "content": text}
    parts: list[Message] = [{"type": "text", "text": _marked(text, len(images))}]
    parts += [{"type": "image_url", "image_url": {"url": url}} for url in images]
    return {"role": "user", "content": parts}


def _marked(text: str, images: int) -> str:
    """Return a text with the marks as in InternVL2's training: before it, numbered if there are several."""
    if IMAGE_TOKEN in text:
        return text
    if images == 1:
        return f"{IMAGE_TOKEN}\n{text}"
    return "".join(f"Image-{number}: {IMAGE_TOKEN}\n" for number in range(1, images + 1)) + text
