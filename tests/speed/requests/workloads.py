"""Requests that a server is measured with, and how they come."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Workload:
    """Requests of one form: a fixed number is in flight, or they arrive at random (a Poisson process).

    Attributes:
        images: In each request.
        width: Of an image, pixels.
        height: Of an image, pixels.
        words: Of text beside the images.
        output_tokens: Of an answer, on average.
        in_flight: Clients; each one asks again when it is answered. 0 where requests arrive by themselves.
        arrivals_per_s: Requests that arrive by themselves; None: clients ask.
        answers_spread: By how much of ``output_tokens`` the shortest and the longest answer differ from it. With equal
            answers clients stay in the order in which they began, and what they wait depends on how they began.
    """

    images: int = 1
    width: int = 1344
    height: int = 896
    words: int = 64
    output_tokens: int = 128
    in_flight: int = 32
    arrivals_per_s: float | None = None
    answers_spread: float = 0.0

    @property
    def image(self) -> str:
        """The images' number and size; empty for text alone."""
        return f"{self.images} x {self.width}x{self.height}" if self.images else ""

    @property
    def offered(self) -> str:
        """How requests come, for a person."""
        return f"{self.arrivals_per_s:g} per second" if self.arrivals_per_s else f"{self.in_flight} in flight"


SEVEN_TILES = Workload()
ONE_TILE = Workload(width=448, height=448, in_flight=64)
THIRTEEN_TILES = Workload(width=1792, height=1344)
THREE_TILES = Workload(width=896, height=448)
FIVE_TILES = Workload(width=896, height=896)
TWO_IMAGES = Workload(images=2)
THREE_IMAGES = Workload(images=3, in_flight=16)
TEXT = Workload(images=0, words=1000, output_tokens=256, in_flight=128)
"""Words of three letters that the tokenizer of random weights does not know: 3,999 tokens."""

SHORT_TEXT = Workload(images=0, words=16, output_tokens=256)
"""Next to no prompt: nearly all of the time is decoding."""

FORMS = (SEVEN_TILES, ONE_TILE, THIRTEEN_TILES, TEXT)
"""One load of each form: what a model of an architecture needs to be known by."""

LARGE_FORMS = (
    SEVEN_TILES,
    ONE_TILE,
    SHORT_TEXT,
    replace(TEXT, in_flight=16),
    replace(THIRTEEN_TILES, in_flight=8),
    replace(SHORT_TEXT, in_flight=1),
)
"""The same for models that would not answer as many requests at once within the time that is measured."""

LOADS = (
    *(replace(SEVEN_TILES, in_flight=clients) for clients in (1, 8, 32, 96)),
    *(replace(SEVEN_TILES, output_tokens=tokens) for tokens in (32, 512)),
    ONE_TILE,
    replace(ONE_TILE, in_flight=8),
    THIRTEEN_TILES,
    THREE_IMAGES,
    TEXT,
    replace(TEXT, in_flight=16),
)
"""Loads that differ in one thing at a time."""


SPREAD = 0.5
"""Answers of half to one and a half times their mean length."""


def arriving(workload: Workload, *rates: float) -> tuple[Workload, ...]:
    """Return a workload with requests that arrive by themselves, for each rate per second."""
    return tuple(replace(workload, in_flight=0, arrivals_per_s=rate, answers_spread=SPREAD) for rate in rates)


def asked_by(workload: Workload, *clients: int) -> tuple[Workload, ...]:
    """Return a workload with answers of different lengths, for each number in flight."""
    return tuple(replace(workload, in_flight=count, answers_spread=SPREAD) for count in clients)
