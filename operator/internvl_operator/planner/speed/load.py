"""The load: what one endpoint is to carry, or what one replica is asked at once."""

from dataclasses import dataclass, fields
from math import inf

from internvl_operator.catalog.models import IMAGE_TOKENS_PER_TILE

DEFAULT_CONCURRENCY = 32
"""Requests in flight at one replica where neither a rate nor a number is given: what was measured most."""

_MAY_BE_ZERO = ("images", "prompt_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Requests of one form, at a rate (open loop) or a fixed number in flight (closed loop).

    Args:
        requests_per_second: that arrive at the endpoint; None for a closed loop.
        concurrency: requests in flight at one replica in a closed loop; None takes DEFAULT_CONCURRENCY.
        images: of one request.
        tiles: of one image.
        prompt_tokens: of the text beside the images.
        output_tokens: of one answer.
        ttft_seconds: the time to the first token that must hold at that rate; None asks for none.

    Raises:
        ValueError: a number is not above zero; only images and tokens of text may be 0.

    Example:
        >>> Load(requests_per_second=5, images=2).input_tokens
        3648
    """

    requests_per_second: float | None = None
    concurrency: int | None = None
    images: int = 1
    tiles: int = 7
    prompt_tokens: int = 64
    output_tokens: int = 128
    ttft_seconds: float | None = None

    def __post_init__(self) -> None:
        """Refuse what no endpoint can be asked."""
        for name, value in ((each.name, getattr(self, each.name)) for each in fields(self)):
            if value is not None and not (0 < value < inf or (value == 0 and name in _MAY_BE_ZERO)):
                raise ValueError(f"{name} of a load is {value}: write a number above zero")

    @property
    def input_tokens(self) -> int:
        """Tokens of one prompt, images and text."""
        return self.images * self.tiles * IMAGE_TOKENS_PER_TILE + self.prompt_tokens

    @property
    def is_demand(self) -> bool:
        """Whether something must hold, so that the choice of GPUs depends on it."""
        return self.requests_per_second is not None or self.ttft_seconds is not None

    @property
    def tokens(self) -> int:
        """Tokens of one request when its answer is complete."""
        return self.input_tokens + self.output_tokens


DEFAULT_LOAD = Load()
"""The load of a plan that is asked for none: one image of 7 tiles (1344x896), 64 tokens of text, 128 of answer."""
