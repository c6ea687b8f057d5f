import pytest

from tests.engines import release


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "network: needs a released package, from the cache or the network")


@pytest.fixture(scope="session", params=["0.6.5", "0.12.3", "0.18.0"])
def released(request: pytest.FixtureRequest) -> str:
    """A release whose sources are at hand; the test is skipped only when no package index can be reached."""
    version = str(request.param)
    try:
        release.sources(version)
    except release.ReleaseUnavailableError as error:
        pytest.skip(f"no package index can be reached: {error}")
    return version
