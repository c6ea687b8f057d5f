"""The messages of a chat, text and images, in a form that every supported LMDeploy release accepts."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Message = dict[str, Any]

IMAGE_TOKEN = "<IMAGE_TOKEN>"
"""LMDeploy's placeholder for an image in a text (vl/constants.py)."""

_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpeg",
    b"GIF8": "gif",
    b"BM": "bmp",
    b"II*\x00": "tiff",
    b"MM\x00*": "tiff",
}
"""The first bytes of image files, with the subtype of their MIME type; WebP has its signature in two places."""


class ImageError(ValueError):
    """A file is not an image, or cannot be read."""


def image_url(source: str) -> str:
    """Return a URL from which the server can read an image.

    Args:
        source: an http(s) or data URL, which is returned unchanged, or the path of a local file, which becomes a data
            URL: the server cannot read the client's files, and refuses addresses of private networks.

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
    r"""Return a question about images as a message.

    The message has one text part, with a placeholder for each image, as this gives the same prompt in all releases:
    older releases read only the first of several text parts.

    Args:
        text: the question; if it has placeholders (``<IMAGE_TOKEN>``), they stay where they are, and none is added.
        images: URLs of the images, in the order of the placeholders.

    Example:
        >>> user_message("What is in this picture?", ["https://example.com/cat.png"])["content"][0]
        {'type': 'text', 'text': '<IMAGE_TOKEN>\nWhat is in this picture?'}
    """
    if not images:
        return {"role": "user", "content": text}
    parts: list[Message] = [{"type": "text", "text": _with_placeholders(text, len(images))}]
    parts += [{"type": "image_url", "image_url": {"url": url}} for url in images]
    return {"role": "user", "content": parts}


def _with_placeholders(text: str, images: int) -> str:
    """Return a text with a placeholder per image before it, numbered if there are several, as InternVL2 was trained."""
    if IMAGE_TOKEN in text:
        return text
    if images == 1:
        return f"{IMAGE_TOKEN}\n{text}"
    return "".join(f"Image-{number}: {IMAGE_TOKEN}\n" for number in range(1, images + 1)) + text
