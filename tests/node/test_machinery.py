"""The real nodes leave nothing behind, also when the program that started them is killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.waiting import eventually
from tests.node.conftest import REMOVAL_SECONDS

pytestmark = pytest.mark.timeout(300)
# Starts a cluster, runs a pod on it, and tells what this machine has for that; the cluster's directory first.
STARTER = """
import time
from tests.cluster.waiting import apply
from tests.node.cluster.real_cluster import RealCluster
from tests.node.cluster.stub_image import STUB_IMAGE
with RealCluster() as real:
    container = {"name": "one", "image": STUB_IMAGE, "command": ["python3", "/pause.py"]}
    metadata = {"name": "one", "namespace": "default"}
    apply(real.cluster, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}})
    real.cluster.kubectl("wait", "--for=condition=Ready", "--timeout=60s", "pod/one")
    print(*real.traces, flush=True)
    time.sleep(1000)
"""


def test_nothing_is_left_of_a_run_that_was_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", STARTER], stdout=subprocess.PIPE, text=True) as starter:
        try:
            assert starter.stdout is not None
            traces = [Path(trace) for trace in starter.stdout.readline().split()]
            directory = str(traces[0])
            assert [trace for trace in traces if not trace.exists()] == []
            assert processes_of(directory)
        finally:
            starter.kill()
    eventually(lambda: not any(trace.exists() for trace in traces), "no trace is left", REMOVAL_SECONDS)
    eventually(lambda: not processes_of(directory), "no process is left", REMOVAL_SECONDS)
    assert directory not in Path("/proc/self/mounts").read_text()


def processes_of(directory: str) -> list[str]:
    """Command lines of the processes that were given a file in a directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it ended meanwhile
        if directory in command:
            found.append(command)
    return found
