"""What a benchmark asks of a model: the form of its requests, and how many of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from internvl_operator.catalog.tiling import image_size, tile_count
from internvl_operator.planner.speed.load import DEFAULT_LOAD

_WIDTH, _HEIGHT = image_size(DEFAULT_LOAD.tiles)


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedLoad:
    """Requests of one form, at a rate or with a fixed number of them in flight.

    Args:
        images: in each request.
        width: of an image in pixels; None when the images are given and not made.
        height: of an image in pixels; None like the width.
        prompt_tokens: approximate text tokens of a request, without its images: one common word each.
        output_tokens: of each answer, exactly.
        requests_per_second: arrivals of an open loop; None in a closed loop.
        concurrency: requests in flight in a closed loop; None in an open loop.

    Example:
        >>> str(OfferedLoad(concurrency=32))
        '32 in flight: 1 image of 1344x896 (7 tiles), 64 prompt tokens, 128 output tokens'
    """

    images: int = DEFAULT_LOAD.images
    width: int | None = _WIDTH
    height: int | None = _HEIGHT
    prompt_tokens: int = DEFAULT_LOAD.prompt_tokens
    output_tokens: int = DEFAULT_LOAD.output_tokens
    requests_per_second: float | None = None
    concurrency: int | None = None

    @property
    def tiles(self) -> int | None:
        """Tiles of one image; None when its size is not known or there is no image."""
        if not self.images or self.width is None or self.height is None:
            return None
        return tile_count(self.width, self.height)

    def at(self, *, requests_per_second: float | None = None, concurrency: int | None = None) -> Self:
        """Return requests of this form at another rate or concurrency."""
        return replace(self, requests_per_second=requests_per_second, concurrency=concurrency)

    def document(self) -> dict[str, Any]:
        """Return the load as JSON, in the words of ``spec.load``, without what is not known."""
        entries = {
            "images": self.images,
            "imageSize": f"{self.width}x{self.height}" if self.tiles else None,
            "tiles": self.tiles,
            "promptTokens": self.prompt_tokens,
            "outputTokens": self.output_tokens,
            "requestsPerSecond": self.requests_per_second,
            "concurrency": self.concurrency,
        }
        return {key: value for key, value in entries.items() if value is not None}

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """Return the load that a document was made from.

        Raises:
            KeyError, ValueError: it is not one.
        """
        size = document.get("imageSize")
        width, height = map(int, size.split("x")) if size else (None, None)
        return cls(
            images=document["images"],
            width=width,
            height=height,
            prompt_tokens=document["promptTokens"],
            output_tokens=document["outputTokens"],
            requests_per_second=document.get("requestsPerSecond"),
            concurrency=document.get("concurrency"),
        )

    @property
    def pace(self) -> str:
        """The rate or the concurrency, for people."""
        if self.concurrency is not None:
            return f"{self.concurrency} in flight"
        return f"{self.requests_per_second:g} requests/s"

    def __str__(self) -> str:
        """Return the load for people."""
        parts = [f"{self.prompt_tokens} prompt tokens", f"{self.output_tokens} output tokens"]
        if self.images:
            parts.insert(0, f"{self.images} {'image' if self.images == 1 else 'images'}{self._size()}")
        return f"{self.pace}: {', '.join(parts)}"

    def _size(self) -> str:
        if self.tiles is None:
            return ""
        return f" of {self.width}x{self.height} ({self.tiles} {'tile' if self.tiles == 1 else 'tiles'})"
