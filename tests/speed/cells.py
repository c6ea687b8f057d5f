"""What the campaign measures: servers that differ in one thing, and the load that each one gets."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tests.speed.requests.workloads import (
    FIVE_TILES,
    FORMS,
    LARGE_FORMS,
    LOADS,
    ONE_TILE,
    SEVEN_TILES,
    SHORT_TEXT,
    TEXT,
    THIRTEEN_TILES,
    THREE_IMAGES,
    THREE_TILES,
    TWO_IMAGES,
    Workload,
    arriving,
    asked_by,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


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
_40B: Mapping[str, Any] = {"size": "40B", "quantization": "None"}
_76B_AWQ: Mapping[str, Any] = {"size": "76B", "quantization": "AWQ"}
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
    "held back of 26B": (
        Server(
            "26B rendered",
            _26B,
            None,
            workloads=(
                *asked_by(SEVEN_TILES, 1, 16),
                *asked_by(SHORT_TEXT, 16),
                *arriving(THIRTEEN_TILES, 0.8, 1.3),
            ),
        ),
    ),
    # A size of which no load was in a fit.
    "held back of 40B": (
        Server(
            "40B rendered",
            _40B,
            None,
            workloads=(
                *asked_by(SEVEN_TILES, 1, 16),
                *asked_by(SHORT_TEXT, 16),
                *arriving(SEVEN_TILES, 1.0, 1.6),
            ),
        ),
    ),
    "held back of 76B-AWQ": (
        Server(
            "76B-AWQ rendered",
            _76B_AWQ,
            None,
            workloads=(
                *asked_by(SEVEN_TILES, 1, 16),
                *asked_by(SHORT_TEXT, 16),
                *arriving(SEVEN_TILES, 0.5, 0.8),
            ),
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
