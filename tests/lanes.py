"""Tests side by side: which of them one process runs after each other, in which order, and which run alone.

`make test` starts several processes (pytest-xdist), each of which runs whole modules. Half of them begin with what
needs a control plane, which keeps half a core busy and waits for the rest of the time. The others begin with the real
nodes, which mostly wait, and with what computes. Whoever has none of these left takes the next modules in order.

Modules with the mark ``undisturbed`` hold what they measure against bounds in seconds: they come last, and no other
test runs meanwhile.
"""

from __future__ import annotations

import fcntl
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from xdist.remote import Producer
    from xdist.workermanage import WorkerController

UNDISTURBED = "undisturbed"

# What takes longest, from its start to its end, begins first.
CONTROL_PLANES = (
    "tests/cluster/nodes/test_failures.py",
    "tests/cluster/lifecycle/test_rollout.py",
    "tests/cluster/lifecycle/test_crashes.py",
    "tests/cluster/lifecycle/test_removal.py",
    "tests/chart/test_install.py",
    "tests/cluster/cost/test_writes.py",
    "tests/cluster/",
    "tests/chart/",
    "tests/release/test_install_manifest.py",
)
REAL_NODES = "tests/node/"
ORDER = (*CONTROL_PLANES, REAL_NODES)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"{UNDISTURBED}: measures time: no other test runs meanwhile")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the undisturbed modules last, and what waits longest first."""
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    if item.get_closest_marker(UNDISTURBED):
        return len(ORDER) + 1
    return next((place for place, prefix in enumerate(ORDER) if item.nodeid.startswith(prefix)), len(ORDER))


def with_control_planes(processes: int) -> int:
    """How many of the processes begin with what needs a control plane."""
    return max(1, processes // 2)


class Lanes(LoadFileScheduling):  # type: ignore[misc]
    """Gives some processes the modules in their order, and the others those without a control plane first."""

    def _split_scope(self, nodeid: str) -> str:
        """Return what one process runs as a whole: a module, or all tests on the real nodes, which they share."""
        scope: str = super()._split_scope(nodeid)
        return REAL_NODES if scope.startswith(REAL_NODES) else scope

    def _assign_work_unit(self, node: WorkerController) -> None:
        """Give a process what it runs next."""
        if self.nodes.index(node) >= with_control_planes(len(self.nodes)):
            others = (scope for scope in self.workqueue if not scope.startswith(CONTROL_PLANES))
            self.workqueue.move_to_end(next(others, next(iter(self.workqueue))), last=False)
        super()._assign_work_unit(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Lanes | None:
    """Replace the scheduler of ``--dist loadfile``."""
    return Lanes(config, log) if config.option.dist == "loadfile" else None


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
