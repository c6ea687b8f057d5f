"""Real stub processes for the tests, ended with the tests that started them."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.engines import release
from tests.stub.server import Stub, Stubs


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stubs]:
    """Starts stubs that stay up for all tests: for those that only ask."""
    with closing(Stubs(tmp_path_factory.mktemp("stub"))) as stubs:
        yield stubs


@pytest.fixture
def stubs(tmp_path: Path) -> Iterator[Stubs]:
    """Starts stubs for one test, which may change or end them."""
    with closing(Stubs(tmp_path)) as stubs:
        yield stubs


@pytest.fixture(scope="session")
def stub(shared: Stubs) -> Stub:
    """A stub of the default release, to be asked only."""
    return shared.start()


@pytest.fixture(scope="session", params=["0.6.5", "0.12.3", "0.18.0"])
def sources(request: pytest.FixtureRequest) -> tuple[str, Path]:
    """A release and its sources; the test is skipped only when no package index can be reached."""
    version = str(request.param)
    try:
        return version, release.sources(version) / "lmdeploy"
    except release.ReleaseUnavailableError as error:
        pytest.skip(f"no package index can be reached: {error}")
