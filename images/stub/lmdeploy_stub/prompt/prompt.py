"""The prompt of a request: its text, its images and what they cost in tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from internvl_operator.catalog.models import IMAGE_TOKENS_PER_TILE

from ..http.errors import PromptError
from ..model import ServedModel
from .image_size import UnreadableImageError, image_size
from .images import ImageLoader
from .tiles import max_tiles_for, tile_count


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a client has sent.

    Attributes:
        words: the words of all texts; the stub has no tokenizer, a word stands for a token.
        tiles: the number of tiles of each image.
    """

    words: tuple[str, ...]
    tiles: tuple[int, ...] = ()

    @property
    def tokens(self) -> int:
        """The prompt's length in tokens; the chat template's own tokens are not counted."""
        return len(self.words) + IMAGE_TOKENS_PER_TILE * sum(self.tiles)


async def prompt_of(messages: Any, model: ServedModel, loader: ImageLoader) -> Prompt:
    """Read the messages of a chat, a text or a list.

    Raises:
        PromptError: a part is malformed or of a kind that the model does not take, or an image cannot be read.
    """
    words: list[str] = []
    tiles: list[int] = []
    for part in _parts(messages):
        match part:
            case {"type": "text", "text": str(text)}:
                words += text.split()
            case {"type": "image_url" | "image" as kind} if kind in part:
                tiles.append(await _tiles_of(part[kind], model, loader))
            case _:
                raise PromptError(f"unknown type: {part}")
    return Prompt(tuple(words), tuple(tiles))


def _parts(messages: Any) -> Sequence[dict[str, Any]]:
    """Return the content of all messages as parts."""
    if isinstance(messages, str):
        return [{"type": "text", "text": messages}]
    parts: list[dict[str, Any]] = []
    for message in messages:
        content = message.get("content") or ""
        parts += [{"type": "text", "text": content}] if isinstance(content, str) else content
    return parts


async def _tiles_of(image: Any, model: ServedModel, loader: ImageLoader) -> int:
    parameters: dict[str, Any] = image if isinstance(image, dict) else {"url": image}
    url = parameters.get("url")
    if not isinstance(url, str):
        raise PromptError('Invalid multimodal item. Expected a direct value or a dict containing "url".')
    try:
        width, height = image_size(await loader.load(url))
    except UnreadableImageError as error:
        raise PromptError(str(error)) from error
    max_tiles = max_tiles_for(parameters, model.max_tiles)
    return tile_count(width, height, model.min_tiles, max_tiles, model.thumbnail)
