"""Makes runs repeatable, and says at the end of a run how many tests of each kind ran."""

from __future__ import annotations

import gc
import signal
import sys
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from internvl_operator.__main__ import main
from tests import lanes
from tests.fake_api import FakeApi

Internvl = Callable[..., tuple[int, str, str]]

# Directory of tests/ -> what its tests are called; any other directory goes by its own name.
KINDS = {"unit": "unit", "golden": "golden", "cluster": "real API server", "node": "real node"}


# The same examples in every run: a failure is seen by everyone, and by who mends it. However slow the machine is.
settings.register_profile(
    "reproducible", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("reproducible")

# A shell's background job ignores SIGINT, and would hand that on to the programs that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(lanes)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the collector of garbage away from the tests, a million objects that stay until the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture
def internvl(capsys: pytest.CaptureFixture[str]) -> Internvl:
    """Runs the command in this process; gives exit code, output and errors."""

    def run(*arguments: str) -> tuple[int, str, str]:
        try:
            code = main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


@pytest.fixture
def fake_api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    """An API server without objects, which the kubeconfig names, with the namespace vision."""
    with FakeApi() as api:
        # Read from the environment when the package is imported.
        kubeconfig = str(api.kubeconfig(tmp_path / "kubeconfig"))
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", kubeconfig)
        yield api


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Collect, before a second attempt, what the first one left open: an innocent test would be blamed for it."""
    if getattr(item, "execution_count", 1) > 1:
        for name in ("last_type", "last_value", "last_traceback", "last_exc"):
            vars(sys).pop(name, None)  # they hold the frames of the failure
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print by kind how many tests ran and were skipped, and how many seconds they took with their fixtures."""
    ran: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    seconds: defaultdict[str, float] = defaultdict(float)
    for report in _reports(terminalreporter):
        directory = report.nodeid.split("/")[1]
        seconds[directory] += report.duration
        if report.skipped:
            skipped[directory] += 1
        elif report.when == "call" and report.outcome in ("passed", "failed"):
            ran[directory] += 1
    terminalreporter.section("tests that ran")
    for directory in (*KINDS, *sorted(seconds.keys() - KINDS.keys())):
        exempt = f"  ({skipped[directory]} skipped)" if skipped[directory] else ""
        name = KINDS.get(directory, directory)
        terminalreporter.line(f"{name:16} {ran[directory]:5} {seconds[directory]:6.0f} s{exempt}")
    if not ran["e2e"]:
        terminalreporter.line("The image and the chart on kind are a command of their own: make e2e")
    if not ran["page"]:
        terminalreporter.line("The planner page in Chromium is a command of its own: make planner-page-test")


def _reports(terminalreporter: pytest.TerminalReporter) -> Iterator[pytest.TestReport]:
    """Reports of all phases of all tests: setup, call and teardown."""
    for reports in terminalreporter.stats.values():
        yield from (report for report in reports if isinstance(report, pytest.TestReport))
