"""A served model (a stub of the engine), and an API server with a resource that it serves."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from internvl_operator.chat.samples import disc
from internvl_operator.cli.chat.target import API_KEY_VARIABLE
from tests.fake_api import FakeApi
from tests.stub.server import Stub, Stubs

NAMESPACE = "/apis/internvl.dev/v1alpha1/namespaces/vision/internvldeployments"
CORE = "/api/v1/namespaces/vision"
ENDPOINT = "http://captions.vision.svc:23333/v1"


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stubs]:
    """Starts stubs that stay up for all tests."""
    with closing(Stubs(tmp_path_factory.mktemp("served"))) as stubs:
        yield stubs


@pytest.fixture(scope="session")
def stub(served: Stubs) -> Stub:
    """A stub of the default release with an API key."""
    return served.start("--api-keys", "s3cret", "--session-len", "2048")


@pytest.fixture
def url(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of the stub, whose key is in the environment."""
    monkeypatch.setenv(API_KEY_VARIABLE, "s3cret")
    return f"http://127.0.0.1:{stub.port}/v1"


@pytest.fixture
def picture(tmp_path: Path) -> str:
    """A file with a picture of one tile."""
    file = tmp_path / "disc"
    file.write_bytes(base64.b64decode(disc("red").split(",")[1]))
    return str(file)


def captions(available: str = "True", ready: tuple[str, str] = ("Ready", "1 of 1 replicas answer")) -> Any:
    """A resource as the API has it."""
    reason, message = ready
    conditions = [
        {"type": "Available", "status": available, "reason": "Serving", "message": ""},
        {"type": "Ready", "status": available, "reason": reason, "message": message},
    ]
    return {
        "metadata": {"name": "captions", "namespace": "vision", "uid": "uid-captions"},
        "spec": {"size": "8B", "server": {"apiKeySecretRef": {"name": "keys", "key": "engine"}}},
        "status": {"conditions": conditions, "endpoint": ENDPOINT},
    }


def service(address: str, uid: str = "uid-captions") -> dict[str, Any]:
    """The resource's Service, or that of another one."""
    owner = {"kind": "InternVLDeployment", "name": "captions", "uid": uid, "controller": True}
    return {"metadata": {"ownerReferences": [owner]}, "spec": {"clusterIP": address}}


def pod(name: str, ready: str = "True", **metadata: Any) -> dict[str, Any]:
    owner = {"kind": "ReplicaSet", "name": "captions-5d4f", "uid": "uid-5d4f", "controller": True}
    own = {"labels": {"pod-template-hash": "5d4f"}, "ownerReferences": [owner]}
    return {
        "metadata": {"name": name, "namespace": "vision", **own, **metadata},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


@pytest.fixture
def api(stub: Stub, fake_api: FakeApi) -> FakeApi:
    """An API server with the resource vision/captions, whose ready pod is the stub."""
    going = pod("captions-0", deletionTimestamp="2026-01-01T00:00:00Z")
    key = base64.b64encode(b"s3cret\n").decode()
    fake_api.ports[23333] = stub.port
    fake_api.objects |= {
        f"{NAMESPACE}/captions": captions(),
        f"{CORE}/pods": listing(going, pod("captions-1", "False"), pod("captions-2")),
        f"{CORE}/secrets/keys": {"metadata": {"name": "keys"}, "data": {"engine": key}},
    }
    return fake_api


def listing(*items: Any) -> dict[str, Any]:
    return {"items": list(items), "metadata": {"resourceVersion": "1"}}
