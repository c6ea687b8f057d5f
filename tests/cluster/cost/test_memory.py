"""`internvl memory` on a real API server: simulated pods, and a Prometheus that tells of their GPUs."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.cluster.waiting import apply, eventually, get_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.control_plane import LocalCluster

pytestmark = [pytest.mark.usefixtures("operator"), pytest.mark.timeout(120)]

USED_MIB = 66000
PAGE = Path(__file__).parents[3] / "docs/user/memory.md"


class _Prometheus(BaseHTTPRequestHandler):
    """Tells the same memory of two GPUs for every pod that it is asked for."""

    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)["query"][0]
        assert re.search(r'DCGM_FI_DEV_FB_USED\{namespace="[^"]+",pod="memory-[^"]+"\}', query)
        series = [{"metric": {}, "value": [0, str(USED_MIB - each)]} for each in (0, 100)]
        answer = json.dumps({"data": {"result": series}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def prometheus() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Prometheus)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def start(cluster: LocalCluster, namespace: str, tmp_path: Path, prometheus: str) -> Iterator[Any]:
    """Starts the command in a directory of the test."""
    processes: list[subprocess.Popen[str]] = []

    def launch(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "internvl_operator", "memory", "-n", namespace]
        process = subprocess.Popen(
            [*command, "--prometheus", prometheus, *arguments],
            cwd=tmp_path,
            env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig())},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield launch
    for process in processes:
        process.kill()
        process.wait()


def _left(cluster: LocalCluster, namespace: str) -> str:
    kinds = {"internvldeployment": "ivl", "deployment": "deployments", "pod": "pods"}
    return "\n".join(
        f"{kind}/{body['metadata']['name']}"
        for kind, listed in kinds.items()
        for body in get_all(cluster, listed, namespace)
    )


def test_each_cell_runs_is_measured_and_is_gone(
    cluster: LocalCluster, namespace: str, start: Any, tmp_path: Path
) -> None:
    arguments = [
        "--sizes",
        "1B",
        "--gpus",
        "1,4",
        "--ratios",
        "0.8,0.001",
        "--at-once",
        "2",
        "--csv",
        "t.csv",
    ]
    first = start(*arguments)
    output, errors = first.communicate(timeout=100)
    assert first.returncode == 0, errors
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in output.splitlines()[2:]]
    assert [row[:4] for row in rows] == [["1B", gpus, "no", r] for gpus in "14" for r in ("0.8", "0.001")]
    assert rows[0][4] == str(USED_MIB)
    assert int(rows[0][5]) == pytest.approx(USED_MIB, rel=0.1)
    assert rows[1][4:6] == ["NoKVForSession", "no_kv_for_session"]
    assert [row[4] for row in rows[2:]] == ["Invalid", "Invalid"]
    assert "is at most 2: it has to divide the 14 attention heads" in errors
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 2
    assert _left(cluster, namespace) == ""
    # A second run takes it all from the journal.
    again = start(*arguments)
    assert again.communicate(timeout=30) == (output, "")


def test_the_user_guides_example_measures_every_combination(
    cluster: LocalCluster, namespace: str, start: Any, tmp_path: Path
) -> None:
    (command,) = re.findall(r"^internvl memory (.*)$", PAGE.read_text(), re.MULTILINE)
    (base,) = re.findall(r"^```yaml\n([^`]*  name: base\n[^`]*)```$", PAGE.read_text(), re.MULTILINE)
    (tmp_path / "base.yaml").write_text(base)
    run = start(*shlex.split(command), "--at-once", "4")
    output, errors = run.communicate(timeout=100)
    assert run.returncode == 0, errors
    assert output.count(f"| {USED_MIB} |") == 8
    assert len((tmp_path / "memory.csv").read_text().splitlines()) == 1 + 8
    assert _left(cluster, namespace) == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_leaves_nothing_behind(
    number: signal.Signals, cluster: LocalCluster, namespace: str, start: Any, tmp_path: Path
) -> None:
    base = {
        "kind": "InternVLDeployment",
        "spec": {"podTemplate": {"labels": {"internvl.test/fate": "not-ready"}}},
    }
    (tmp_path / "base.yaml").write_text(json.dumps(base))
    run = start("--sizes", "1B", "--ratios", "0.8", "-f", "base.yaml")
    eventually(lambda: "pod/" in _left(cluster, namespace), "the cell's pod is there")
    run.send_signal(number)
    output, errors = run.communicate(timeout=50)
    assert (run.returncode, output) == (130, "")
    assert "the same command goes on with the combinations that are left" in errors
    assert "Traceback" not in errors
    eventually(lambda: _left(cluster, namespace) == "", "nothing is left", timeout=40)


def test_what_someone_else_made_is_left_alone(cluster: LocalCluster, namespace: str, start: Any) -> None:
    body = {
        "apiVersion": "internvl.dev/v1alpha1",
        "kind": "InternVLDeployment",
        "metadata": {"name": "memory-1b-tp1-r800", "namespace": namespace},
        "spec": {"size": "1B"},
    }
    apply(cluster, body)
    run = start("--sizes", "1B", "--ratios", "0.8")
    _, errors = run.communicate(timeout=50)
    assert run.returncode == 2
    assert "memory-1b-tp1-r800 was not made by a measurement" in errors
    assert "memory-1b-tp1-r800" in _left(cluster, namespace)


def test_two_measurements_in_one_namespace_leave_each_others_resources_alone(
    cluster: LocalCluster, namespace: str, start: Any, tmp_path: Path
) -> None:
    base = {
        "kind": "InternVLDeployment",
        "spec": {"podTemplate": {"labels": {"internvl.test/fate": "not-ready"}}},
    }
    (tmp_path / "base.yaml").write_text(json.dumps(base))
    first = start("--sizes", "1B", "--ratios", "0.8", "-f", "base.yaml")
    eventually(lambda: "pod/" in _left(cluster, namespace), "the cell's pod is there")
    (before,) = (body["metadata"]["uid"] for body in get_all(cluster, "ivl", namespace))

    for journal, said in (
        ("internvl-memory.jsonl", "another run uses internvl-memory.jsonl"),
        ("other.jsonl", "memory-1b-tp1-r800 belongs to a measurement with another journal"),
    ):
        second = start("--sizes", "1B", "--ratios", "0.8", "--journal", journal)
        _, errors = second.communicate(timeout=50)
        assert (second.returncode, said in errors) == (2, True), errors

    (after,) = (body["metadata"]["uid"] for body in get_all(cluster, "ivl", namespace))
    assert (first.poll(), after) == (None, before)

    # What a killed run left is taken over by the next run of the same measurement.
    first.kill()
    first.communicate(timeout=50)
    again = start("--sizes", "1B", "--ratios", "0.8")
    _, errors = again.communicate(timeout=50)
    assert again.returncode == 0, errors
    assert _left(cluster, namespace) == ""
