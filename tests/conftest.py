"""Makes runs repeatable, and says at the end of a run how many tests of each kind ran."""

from __future__ import annotations

import gc
import signal
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from internvl_operator.__main__ import main
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
    """Print the number of tests that ran, by kind, and of those that were skipped."""
    ran = Counter(_directories(terminalreporter, skipped=False))
    skipped = Counter(_directories(terminalreporter, skipped=True))
    terminalreporter.section("tests that ran")
    for directory in (*KINDS, *sorted((ran | skipped).keys() - KINDS.keys())):
        exempt = f"  ({skipped[directory]} skipped)" if skipped[directory] else ""
        terminalreporter.line(f"{KINDS.get(directory, directory):16} {ran[directory]:5}{exempt}")
    if not ran["e2e"]:
        terminalreporter.line("The image and the chart on kind are a command of their own: make e2e")


def _directories(terminalreporter: pytest.TerminalReporter, skipped: bool) -> Iterator[str]:
    """Directory of each test that ran, or of each that was skipped."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport) and (
                report.skipped
                if skipped
                else report.when == "call" and report.outcome in ("passed", "failed")
            ):
                yield report.nodeid.split("/")[1]
