"""The examples of the pages that need a served model are run, on a stub engine behind an API server."""

from __future__ import annotations

import base64
import copy
import os
import re
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from doctest import ELLIPSIS, OutputChecker
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from internvl_operator.chat.samples import disc
from internvl_operator.measurement.gpu_memory import NVIDIA_SMI
from internvl_operator.planner.document import plan_document
from tests.cluster.simulated_nodes import gpu_node
from tests.cluster.specs.table import resource
from tests.docs.test_pages import ROOT, SERVED, blocks, entries
from tests.fake_api import Command, FakeApi
from tests.rendering import plan_of
from tests.statuses import STATUSES
from tests.stub.server import Stubs

if TYPE_CHECKING:
    from collections.abc import Iterator

RESOURCES = "/apis/internvl.dev/v1alpha1/namespaces/vision/internvldeployments"


class Shell(NamedTuple):
    """A directory with the files that the pages name, and an environment whose cluster serves a model."""

    directory: Path
    environment: dict[str, str]
    url: str
    api: FakeApi

    def run(self, *command: str) -> str:
        """Return what a command prints, with its errors where it was used wrongly."""
        # As old as the pages say, whenever the command runs.
        self.api.objects |= _objects()
        done = subprocess.run(
            command,
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=50,
        )
        return done.stdout + ("" if done.returncode in (0, 1) else done.stderr)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    directory = tmp_path_factory.mktemp("served")
    for name, colour in (("tiger.jpg", "red"), ("bear.jpg", "blue")):
        (directory / name).write_bytes(base64.b64decode(disc(colour).split(",")[1]))
    (batch,) = blocks("jsonl")
    (directory / "questions.jsonl").write_text(batch.text)
    with closing(Stubs(directory)) as stubs, FakeApi(_objects()) as api:
        stub = stubs.start("--model-name", "InternVL2-8B", "--session-len", "8192")
        api.ports[23333] = stub.port
        api.commands[NVIDIA_SMI] = Command(output=b"69400\n")
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        kubeconfig = str(api.kubeconfig(directory / "kubeconfig"))
        environment = {**os.environ, "PATH": programs, "KUBECONFIG": kubeconfig}
        yield Shell(directory, environment, f"http://127.0.0.1:{stub.port}/v1", api)


def _objects() -> dict[str, Any]:
    """The resources of the pages: one that serves, one that starts, one that does not fit."""
    serves = _resource("captions", timedelta(hours=3, minutes=20), {"size": "8B"}, "ready")
    starts = _resource("pages", timedelta(minutes=12), {"size": "40B"}, "deploying")
    too_large = {"size": "76B", "quantization": "None", "gpu": {"maxCount": 1}}
    refused = _resource("reports", timedelta(days=2, hours=4), too_large, "does not fit")
    pods = [_pod("captions", 1, "True"), _pod("pages", 2, "False")]
    return {
        RESOURCES: _listing(serves, starts, refused),
        f"{RESOURCES}/captions": serves,
        "/api/v1/nodes": _listing(gpu_node("a"), gpu_node("b")),
        "/api/v1/pods": _listing(*pods),
        "/api/v1/namespaces/vision/pods": _listing(pods[0]),
        "/apis/apps/v1/deployments": _listing(),
    }


def _resource(name: str, age: timedelta, spec: dict[str, Any], status: str) -> dict[str, Any]:
    """A resource whose status is one of STATUSES, with its own plan, for some time."""
    body = resource(spec, name)
    body["metadata"] |= {"namespace": "vision", "generation": STATUSES[status]["observedGeneration"]}
    body["status"] = copy.deepcopy(STATUSES[status])
    body["status"]["plan"] = plan_document(plan_of(spec))
    for condition in body["status"]["conditions"]:
        condition["lastTransitionTime"] = (datetime.now(UTC) - age).isoformat()
    return body


def _pod(name: str, gpus: int, ready: str) -> dict[str, Any]:
    container = {"resources": {"limits": {"nvidia.com/gpu": str(gpus)}}}
    owner = {"kind": "ReplicaSet", "name": f"{name}-5d4f", "uid": "uid-5d4f", "controller": True}
    own = {"labels": {"pod-template-hash": "5d4f"}, "ownerReferences": [owner]}
    return {
        "metadata": {"name": f"{name}-0", "namespace": "vision", **own},
        "spec": {"containers": [container], "nodeName": "a"},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]},
    }


def _listing(*items: Any) -> dict[str, Any]:
    return {"items": list(items), "metadata": {"resourceVersion": "1"}}


@pytest.mark.parametrize(
    ("command", "shown"),
    [(command, shown) for command, shown in entries() if shown and SERVED.search(command)],
)
def test_a_command_prints_what_a_page_shows(command: str, shown: str, shell: Shell) -> None:
    printed = shell.run("bash", "-c", command)
    assert OutputChecker().check_output(shown, printed, ELLIPSIS), printed


@pytest.mark.parametrize("program", [block for block in blocks("python") if "OpenAI(" in block.text], ids=str)
def test_a_program_of_a_page_gets_an_answer(program: Any, shell: Shell) -> None:
    text, replaced = re.subn(r"http://[-.a-z]+:\d+/v1", shell.url, program.text)
    assert replaced == 1
    assert "[stub of LMDeploy 0.18.0" in shell.run(sys.executable, "-c", text)


def test_every_use_of_the_published_guide_has_an_example() -> None:
    page = (ROOT / "docs/user/serving.md").read_text()
    section = page.split("## Talk to a model\n")[1].split("## Check that")[0]
    for use in (
        "An image:",
        "Several images",
        "Several turns",
        "A batch",
        "The OpenAI client",
        "stream=True",
    ):
        assert use in section
