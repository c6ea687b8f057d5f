"""The kind cluster that all tests of this directory share, and the order in which they use it."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.cluster.programs.binaries import cache_directory
from tests.e2e.cluster.images import IMAGES, build_images
from tests.e2e.cluster.kind_cluster import KindCluster, what_a_person_would_look_at
from tests.e2e.cluster.operator_release import OperatorRelease
from tests.e2e.machine.engine import container_engine
from tests.e2e.machine.node_image import node_image
from tests.e2e.machine.shell import Shell, say

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

# What needs a cluster without the operator comes first, what leaves another release behind comes last.
ORDER = ("chart", "model", "network_policies", "storage", "disruptions", "upgrade", "argocd")
SECONDS = 300
MEASURES = pytest.StashKey[dict[str, str]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests of this directory their marker, their time limit and their order."""
    places = {f"test_{name}": place for place, name in enumerate(ORDER)}
    own = [item for item in items if item.nodeid.startswith("tests/e2e/")]
    for item in own:
        item.add_marker("e2e")
        item.add_marker(pytest.mark.timeout(SECONDS))
    others = [item for item in items if item not in own]
    items[:] = others + sorted(own, key=lambda item: places[item.path.stem])


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """What the machine keeps from run to run; one run at a time has it."""
    directory = cache_directory(os.environ).parent / "kind"
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another run on this machine")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield directory


@pytest.fixture(scope="session")
def engine(home: Path) -> Iterator[Shell]:
    """A container engine. SIGTERM ends the tests as Ctrl-C does: what was started is stopped."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    with container_engine(home, Shell()) as shell:
        yield shell
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def cluster(engine: Shell, home: Path) -> Iterator[KindCluster]:
    """The cluster, with the images of this checkout and of the release before it."""
    build_images(engine, home)
    cluster = KindCluster(engine, home / "kubeconfig")
    if "KEEP_CLUSTER" in os.environ and cluster.exists():
        cluster.load(*IMAGES)
        yield cluster
        return
    image = node_image(engine, home)
    started = time.monotonic()
    try:
        cluster.create(image, IMAGES)
        say(f"a cluster of {image} after {time.monotonic() - started:.0f} s")
        yield cluster
    finally:
        if "KEEP_CLUSTER" not in os.environ:
            cluster.delete()


@pytest.fixture(scope="module")
def operator(cluster: KindCluster) -> OperatorRelease:
    """The operator of this checkout, installed with default values."""
    release = OperatorRelease(cluster)
    release.install()
    return release


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Keeps a figure for the end of the run."""

    def keep(what: str, figure: str) -> None:
        request.config.stash.setdefault(MEASURES, {})[what] = figure

    return keep


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what a person would look at, as the cluster goes with the run."""
    report = yield
    cluster = getattr(item, "funcargs", {}).get("cluster")
    if report.failed and isinstance(cluster, KindCluster):
        report.sections.append(("the cluster", what_a_person_would_look_at(cluster)))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that tests have measured."""
    if figures := terminalreporter.config.stash.get(MEASURES, {}):
        terminalreporter.section("measured on kind")
        for what, figure in figures.items():
            terminalreporter.line(f"{what}: {figure}")
