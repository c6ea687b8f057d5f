"""What the campaign measures: servers that differ in one thing, and the load that each one gets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Workload:
    """Requests of one form, of which a fixed number is in flight.

    Attributes:
        images: In each request.
        width: Of an image, pixels.
        height: Of an image, pixels.
        words: Of text beside the images.
        output_tokens: Each answer has exactly so many.
        in_flight: Clients; each one asks again when it is answered.
    """

    images: int = 1
    width: int = 1344
    height: int = 896
    words: int = 64
    output_tokens: int = 128
    in_flight: int = 32

    @property
    def image(self) -> str:
        """The images' number and size; empty for text alone."""
        return f"{self.images} x {self.width}x{self.height}" if self.images else ""


SEVEN_TILES = Workload()
ONE_TILE = Workload(width=448, height=448, in_flight=64)
TEXT = Workload(images=0, words=1000, output_tokens=256, in_flight=128)


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
}
"""The servers by group. A comparison is made within one group, and so on one machine."""
