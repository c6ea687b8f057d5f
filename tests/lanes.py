"""Tests side by side: which of them one process runs after each other, in which order, and which run alone.

`make test` starts several processes (pytest-xdist), each of which runs whole modules in the order that is made here.
Modules with the mark ``undisturbed`` hold what they measure against bounds in seconds: they come last, and no other
test runs meanwhile.
"""

from __future__ import annotations

import fcntl
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

UNDISTURBED = "undisturbed"

# What waits longest, from its start to its end: it begins first, and what computes fills the time beside it.
FIRST = (
    "tests/node/",
    "tests/cluster/nodes/test_failures.py",
    "tests/cluster/lifecycle/test_rollout.py",
    "tests/cluster/lifecycle/test_crashes.py",
    "tests/cluster/lifecycle/test_removal.py",
    "tests/chart/test_install.py",
    "tests/cluster/",
    "tests/chart/",
)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{UNDISTURBED}: measures time: no other test runs meanwhile")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the undisturbed modules last, and what waits longest first."""
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    if item.get_closest_marker(UNDISTURBED):
        return len(FIRST) + 1
    return next((place for place, prefix in enumerate(FIRST) if item.nodeid.startswith(prefix)), len(FIRST))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let an undisturbed test begin when no other process runs a test, and none begin before it has ended."""
    if not hasattr(item.config, "workerinput"):
        return (yield)
    # Each process of a run has a directory of its own in that of the run.
    directory = Path(item.config.option.basetemp).parent
    with room(directory, alone=item.get_closest_marker(UNDISTURBED) is not None):
        return (yield)


@contextmanager
def room(directory: Path, alone: bool) -> Iterator[None]:
    """Be in a room, with others or alone.

    Who waits to be alone holds the door, so that nobody comes in any more.

    Args:
        directory: Where the locks are.
        alone: Whether nobody else may be in the room.
    """
    with ExitStack() as stack:
        door, room = (stack.enter_context((directory / name).open("w")) for name in ("door", "room"))
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        if not alone:
            fcntl.flock(door, fcntl.LOCK_UN)
        yield
