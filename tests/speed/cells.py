"""What the campaign measures: servers that differ in one thing, and the load that each one gets."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


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


@dataclass(frozen=True, slots=True)
class Server:
    """A server: the rendered command line of a spec, and what it runs with.

    Attributes:
        name: In the results.
        spec: As a user writes it.
        environment: Its variables beside the machine's; None: those of the rendered container.
        cpus: Cores that it is pinned to; None: every core of the machine.
        workloads: What it is measured with, in this order.
    """

    name: str
    spec: Mapping[str, Any]
    environment: Mapping[str, str] | None = field(default_factory=dict)
    cpus: int | None = None
    workloads: tuple[Workload, ...] = (SEVEN_TILES,)


_8B: Mapping[str, Any] = {"size": "8B", "quantization": "None"}
_1B: Mapping[str, Any] = {"size": "1B"}
_26B: Mapping[str, Any] = {"size": "26B", "quantization": "None"}
_PYTORCH: Mapping[str, Any] = {**_8B, "engine": {"backend": "PyTorch"}}
_2B: Mapping[str, Any] = {"size": "2B", "quantization": "None"}
_3_5: Mapping[str, Any] = {"series": "InternVL3.5"}
_30B_A3B: Mapping[str, Any] = {**_3_5, "size": "30B-A3B"}
_8B_AWQ: Mapping[str, Any] = {"size": "8B", "quantization": "AWQ"}
_26B_AWQ: Mapping[str, Any] = {"size": "26B", "quantization": "AWQ"}


def _with_options(**options: Any) -> Mapping[str, Any]:
    """Return 8B with options of the engine."""
    return {**_8B, "engine": options}


_ONE, _TWO, _FOUR = ({"OMP_NUM_THREADS": str(threads)} for threads in (1, 2, 4))
_PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE"}

GROUPS: dict[str, tuple[Server, ...]] = {
    # The plain command line comes first and last: the difference is what the machine itself varies by.
    "environment": (
        Server("8B plain", _8B, workloads=(SEVEN_TILES, ONE_TILE)),
        Server("8B rendered", _8B, environment=None, workloads=(SEVEN_TILES, ONE_TILE)),
        Server("8B OMP 1", _8B, _ONE),
        Server("8B OMP 2", _8B, _TWO),
        Server("8B OMP 4", _8B, _FOUR),
        Server("8B passive", _8B, _PASSIVE),
        Server("8B OMP 2 passive", _8B, _TWO | _PASSIVE),
        Server("8B MKL 1", _8B, {"MKL_NUM_THREADS": "1"}),
        Server("8B plain again", _8B),
    ),
    "cores": (
        *(Server(f"8B rendered, {cpus} cores", _8B, None, cpus) for cpus in (2, 3, 4, 6, 8)),
        *(Server(f"8B OMP 1, {cpus} cores", _8B, _ONE, cpus) for cpus in (2, 3)),
        Server("8B plain, 4 cores", _8B, cpus=4),
    ),
    "1B": (
        Server("1B plain", _1B),
        Server("1B OMP 1", _1B, _ONE),
        Server("1B rendered", _1B, None, workloads=(SEVEN_TILES, ONE_TILE)),
        *(Server(f"1B rendered, {cpus} cores", _1B, None, cpus) for cpus in (2, 3, 4)),
    ),
    "waiting": (
        Server("1B OMP 2 passive", _1B, _TWO | _PASSIVE),
        *(Server(f"1B OMP 2 passive, {cpus} cores", _1B, _TWO | _PASSIVE, cpus) for cpus in (2, 3)),
        *(Server(f"1B OMP 1, {cpus} cores", _1B, _ONE, cpus) for cpus in (2, 3)),
    ),
    "PyTorch": (
        Server("8B PyTorch plain", _PYTORCH),
        Server("8B PyTorch rendered", _PYTORCH, None),
        Server("8B PyTorch rendered, 3 cores", _PYTORCH, None, 3),
    ),
    "26B": (
        Server("26B plain", _26B),
        Server("26B rendered", _26B, None),
        Server("26B rendered, 3 cores", _26B, None, 3),
    ),
    "loads": (
        Server("8B rendered", _8B, None, workloads=LOADS),
        Server("1B rendered", _1B, None, workloads=(replace(SEVEN_TILES, in_flight=1), *FORMS, THREE_IMAGES)),
    ),
    "flags": (
        Server("8B rendered", _8B, None),
        Server("8B prefix caching", _with_options(extraArgs=["--enable-prefix-caching"]), None),
        Server("8B batch 256", _with_options(maxBatchSize=256), None),
        Server(
            "8B tokens per iteration 1024", _with_options(extraArgs=["--num-tokens-per-iter", "1024"]), None
        ),
        Server("8B KV 8", _with_options(quantPolicy=8), None),
        Server("8B plain", _8B),
    ),
    "large": (
        Server("26B rendered", _26B, None, workloads=LARGE_FORMS),
        Server("26B plain", _26B),
        Server("26B-AWQ rendered", _26B_AWQ, None, workloads=LARGE_FORMS),
    ),
    "backend": (
        Server("8B PyTorch rendered", _PYTORCH, None, workloads=(SEVEN_TILES, ONE_TILE, TEXT)),
        Server("8B PyTorch plain", _PYTORCH),
        Server("4B rendered", {"size": "4B"}, None, workloads=(SEVEN_TILES, TEXT)),
    ),
    "sizes": (
        Server("2B rendered", _2B, None, workloads=FORMS),
        Server("8B-AWQ rendered", _8B_AWQ, None, workloads=LARGE_FORMS),
    ),
    # Half and four fifths of what the server answers at most.
    "arrivals": (
        Server(
            "8B rendered",
            _8B,
            None,
            workloads=(
                *arriving(SEVEN_TILES, 6.5, 10.4),
                *arriving(ONE_TILE, 22.0, 34.0),
                *asked_by(SEVEN_TILES, 32),
            ),
        ),
        Server(
            "2B rendered",
            _2B,
            None,
            workloads=(*arriving(SEVEN_TILES, 10.0, 16.0), *arriving(ONE_TILE, 26.0, 40.0)),
        ),
    ),
    "arrivals of experts": (
        Server(
            "InternVL3.5-30B-A3B rendered",
            _30B_A3B,
            None,
            workloads=(*asked_by(SHORT_TEXT, 4, 64), *arriving(SEVEN_TILES, 7.0, 11.0)),
        ),
    ),
    "arrivals of AWQ": (
        Server("26B-AWQ rendered", _26B_AWQ, None, workloads=arriving(SEVEN_TILES, 1.6, 2.5)),
    ),
    # Loads of which none was in a fit of the speed model, to see how well it predicts them.
    "held back": (
        Server(
            "8B-AWQ rendered",
            _8B_AWQ,
            None,
            workloads=(
                *asked_by(SEVEN_TILES, 1, 8, 32),
                *arriving(SEVEN_TILES, 9.0),
                *arriving(THIRTEEN_TILES, 3.8),
            ),
        ),
        Server(
            "2B rendered",
            _2B,
            None,
            workloads=(
                *arriving(replace(THREE_TILES, output_tokens=64), 16.0),
                *asked_by(replace(FIVE_TILES, output_tokens=256), 16),
                *asked_by(SHORT_TEXT, 16),
            ),
        ),
        Server(
            "8B rendered",
            _8B,
            None,
            workloads=(
                *arriving(replace(THREE_TILES, output_tokens=256), 8.0),
                *arriving(replace(FIVE_TILES, output_tokens=64), 11.0),
                *asked_by(TWO_IMAGES, 8),
            ),
        ),
    ),
    "held back of experts": (
        Server(
            "InternVL3.5-30B-A3B rendered",
            _30B_A3B,
            None,
            workloads=(
                *asked_by(SHORT_TEXT, 1, 16),
                *asked_by(SEVEN_TILES, 16),
                *arriving(THIRTEEN_TILES, 4.0),
            ),
        ),
    ),
    "held back of 26B-AWQ": (
        Server(
            "26B-AWQ rendered",
            _26B_AWQ,
            None,
            workloads=(*asked_by(SEVEN_TILES, 1, 8), *arriving(THIRTEEN_TILES, 0.9, 1.4)),
        ),
    ),
    "two GPUs": (
        Server(
            "8B-2GPUs rendered",
            {**_8B, "engine": {"tp": 2}},
            None,
            workloads=(
                *asked_by(SEVEN_TILES, 1, 32),
                *asked_by(SHORT_TEXT, 1, 16),
                *arriving(SEVEN_TILES, 11.0),
            ),
        ),
    ),
    "two GPUs, 26B": (
        Server(
            "26B-2GPUs rendered",
            {**_26B, "engine": {"tp": 2}},
            None,
            workloads=(*asked_by(SEVEN_TILES, 1, 16), *asked_by(SHORT_TEXT, 16), *arriving(SEVEN_TILES, 3.0)),
        ),
    ),
    "series": (
        Server("InternVL3.5-8B rendered", {**_3_5, "size": "8B"}, None, workloads=FORMS),
        Server("InternVL3.5-30B-A3B rendered", _30B_A3B, None, workloads=LARGE_FORMS),
    ),
}
"""The servers by group. A comparison is made within one group, and so on one machine."""
