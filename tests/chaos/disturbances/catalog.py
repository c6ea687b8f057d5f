"""All disturbances, by name."""

from __future__ import annotations

from itertools import count
from random import Random
from typing import TYPE_CHECKING

from tests.chaos.crowds import ClockJumps, ManyEdits, NamespaceDeleted, Strangers
from tests.chaos.disturbances.clock import faketime_library
from tests.chaos.disturbances.disturbance import Answers, Disturbance
from tests.chaos.disturbances.faults import (
    EveryWrite,
    Injector,
    ShareOfRequests,
    answered,
    answered_after,
    cut_in_half,
    every_request,
    never_answered,
    never_asked,
    slowly,
)
from tests.chaos.disturbances.interruptions import Kill, Outage, Pause, StartAmid
from tests.chaos.watching import BrokenWatches, LateEvents, MissedDeletions, late_resources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from tests.chaos.disturbances.faults import Fault, Schedule

    Runs = Callable[[], Iterable[Disturbance]]

EVERY_THIRD = 3
REPEATS = 3
SHARE_OF_ERRORS = 0.4
"""Of all answers."""

_RETRY_AFTER = {"Retry-After": "1"}
_ERRORS = (500, 503, 504)


def catalog(directory: Path) -> dict[str, Runs]:
    """Return the disturbances by name, each as what makes its runs one after the other.

    A series without an end ends with the first run in which nothing was injected.

    Args:
        directory: for files that a disturbance needs.
    """
    return {
        "undisturbed": lambda: _repeated(Disturbance),
        "killed after every write": lambda: map(Kill, count(1)),
        "paused": lambda: [Pause()],
        "409": lambda: _every_third({"409": answered(409)}),
        "422": lambda: _every_third({"422": answered(422)}),
        "429": lambda: _every_third({"429": answered(429, _RETRY_AFTER)}),
        "5xx": lambda: _every_third({str(code): answered(code) for code in _ERRORS}),
        "5xx after the write": lambda: _every_third(
            {f"{code} after the write": answered_after(code) for code in _ERRORS}
        ),
        "half an answer": lambda: _every_third({"half an answer": cut_in_half}),
        "timeout": lambda: [
            _answers(EveryWrite(1, most=2), {"no answer": never_asked, "no answer, written": never_answered})
        ],
        "5xx for 40 %": lambda: [_share_of_errors(seed) for seed in range(REPEATS)],
        "5xx for 40 % at the start": lambda: [StartAmid(_share_of_errors(REPEATS))],
        "slow API server": lambda: [_answers(every_request, {"500 ms": slowly})],
        "watches broken": lambda: _repeated(BrokenWatches),
        "deletions missed": lambda: [MissedDeletions()],
        "cache stale": lambda: [LateEvents()],
        "resources late": lambda: [late_resources()],
        "API server stopped": lambda: [Outage("kube-apiserver")],
        "etcd stopped": lambda: [Outage("etcd")],
        "clock jumps": lambda: [ClockJumps(faketime_library(), directory / "clock")],
        "namespace deleted": lambda: _repeated(NamespaceDeleted),
        "10,000 events of others": lambda: [Strangers()],
        "100 edits in a second": lambda: _repeated(ManyEdits),
    }


def _repeated(make: Callable[[], Disturbance]) -> Iterator[Disturbance]:
    return (make() for _ in range(REPEATS))


def _every_third(faults: dict[str, Fault]) -> Iterator[Disturbance]:
    return (_answers(EveryWrite(EVERY_THIRD), faults) for _ in range(REPEATS))


def _answers(schedule: Schedule, faults: dict[str, Fault]) -> Disturbance:
    return Answers(Injector(schedule, faults))


def _share_of_errors(seed: int) -> Disturbance:
    errors = {str(code): answered(code) for code in _ERRORS} | {
        f"{code} after the write": answered_after(code) for code in _ERRORS
    }
    return _answers(ShareOfRequests(SHARE_OF_ERRORS, Random(seed)), errors)
