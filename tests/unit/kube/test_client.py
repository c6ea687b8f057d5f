"""What the client makes of answers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from internvl_operator.kube.client import KubernetesClient
from internvl_operator.kube.connection import Connection
from internvl_operator.kube.credentials import Credentials
from internvl_operator.kube.kinds import RESOURCE, SERVICE
from internvl_operator.kube.port import ClusterError, ClusterEvent, ConflictError, Key, NotFoundError

CLIENT = KubernetesClient(lambda: Credentials("http://127.0.0.1"))
CAPTIONS = Key("vision", "captions")


def answer_with(monkeypatch: pytest.MonkeyPatch, error: ClusterError) -> None:
    async def request(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(Connection, "request", request)


async def test_what_is_gone_needs_no_deletion(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, NotFoundError("not found"))

    await CLIENT.delete(SERVICE, CAPTIONS, "uid-1")


async def test_a_conflict_is_no_deletion(monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, ConflictError("the object has been modified"))

    with pytest.raises(ConflictError):
        await CLIENT.delete(SERVICE, CAPTIONS, "uid-1")


@pytest.mark.parametrize("items", [[], [{"metadata": {"name": "captions"}}]])
async def test_an_object_is_found_by_its_name_in_a_list(
    monkeypatch: pytest.MonkeyPatch, items: list[Any]
) -> None:
    asked: list[Any] = []

    async def request(_: Connection, *arguments: Any) -> Any:
        asked.append(arguments)
        return {"items": items}

    monkeypatch.setattr(Connection, "request", request)

    assert await CLIENT.find(SERVICE, CAPTIONS) == next(iter(items), None)
    assert asked == [
        ("GET", SERVICE, "/api/v1/namespaces/vision/services", {"fieldSelector": "metadata.name=captions"})
    ]


@pytest.mark.parametrize(
    ("uid", "precondition"), [(None, {"resourceVersion": "1"}), ("uid-1", {"uid": "uid-1"})]
)
async def test_every_apply_says_which_object_is_meant(
    monkeypatch: pytest.MonkeyPatch, uid: str | None, precondition: dict[str, str]
) -> None:
    bodies: list[Any] = []

    async def request(_: Connection, *arguments: Any) -> Any:
        bodies.append(arguments[4])
        return {}

    monkeypatch.setattr(Connection, "request", request)
    manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "captions", "namespace": "vision"},
    }

    await CLIENT.apply(manifest, uid=uid)

    assert bodies == [{**manifest, "metadata": {**manifest["metadata"], **precondition}}]  # type: ignore[dict-item]


async def test_events_are_recorded_beside_what_goes_on_and_not_lost_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorded: list[Any] = []

    async def request(_: Connection, *arguments: Any) -> None:
        await asyncio.sleep(0)
        recorded.append(arguments[4]["reason"])

    monkeypatch.setattr(Connection, "request", request)
    subject = {
        "apiVersion": RESOURCE.api_version,
        "kind": RESOURCE.kind,
        "metadata": {"name": CAPTIONS.name, "namespace": CAPTIONS.namespace, "uid": "uid-1"},
    }
    async with KubernetesClient(lambda: Credentials("http://127.0.0.1")) as client:
        await client.record_event(subject, ClusterEvent("Normal", "Planned", "as asked"))
        assert recorded == []
    assert recorded == ["Planned"]
