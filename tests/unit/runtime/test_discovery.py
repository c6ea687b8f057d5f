"""Which kinds the cluster knows, and whether it tells of them yet."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from internvl_operator.kube.client import KubernetesClient
from internvl_operator.kube.connection import Connection
from internvl_operator.kube.credentials import Credentials
from internvl_operator.kube.kinds import BUILT_IN_CHILDREN, CHILDREN, DEPLOYMENT, POD, POD_MONITOR, RESOURCE
from internvl_operator.kube.port import ForbiddenError, Kind, ObjectList, UnavailableError
from internvl_operator.runtime.discovery import known_children, until_kind_is_installed
from internvl_operator.runtime.informer import kind_discovery as discovery
from internvl_operator.runtime.informer.kind_discovery import until_discovered

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENT = KubernetesClient(lambda: Credentials("http://127.0.0.1"))
ELSEWHERE = {"groups": [{"versions": [{"groupVersion": "apps/v1"}]}]}
GROUPS = {"groups": [{"versions": [{"groupVersion": RESOURCE.api_version}]}]}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "_RETRY_SECONDS", 0.0)


@pytest.mark.parametrize(
    ("groups", "resources", "expected"),
    [
        (ELSEWHERE, [RESOURCE.plural], False),
        (GROUPS, [], False),
        (GROUPS, ["others"], False),
        (GROUPS, ["others", RESOURCE.plural], True),
    ],
)
async def test_a_kind_is_discovered_when_its_group_and_the_kind_itself_are_listed(
    monkeypatch: pytest.MonkeyPatch, groups: dict[str, Any], resources: list[str], expected: bool
) -> None:
    answers = {"/apis": groups, RESOURCE.root: {"resources": [{"name": name} for name in resources]}}

    async def request(_: Connection, *arguments: Any) -> Any:
        return answers[arguments[2]]

    monkeypatch.setattr(Connection, "request", request)
    assert await CLIENT.discovers(RESOURCE) is expected


async def test_it_waits_until_every_kind_that_is_not_built_in_is_discovered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answers: Iterator[bool | Exception] = iter([False, UnavailableError("no answer"), True, False, True])
    asked: list[Kind] = []

    async def discovers(kind: Kind) -> bool:
        asked.append(kind)
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    await until_discovered(discovers, (RESOURCE, DEPLOYMENT, POD_MONITOR, POD))
    assert asked == [RESOURCE] * 3 + [POD_MONITOR] * 2
    said = [record.getMessage() for record in caplog.records if record.name == discovery.__name__]
    assert said == [
        "no internvldeployments are watched yet: discovery does not list them",
        "no internvldeployments are watched yet: no answer",
        "no podmonitors are watched yet: discovery does not list them",
    ]


class Served:
    """A cluster whose discovery lists some kinds, and which may refuse to list them."""

    def __init__(self, *kinds: str, refused: tuple[str, ...] = ()) -> None:
        self.kinds = [*kinds]
        self.refused = refused
        self.listed: list[str] = []

    async def discovers(self, kind: Kind) -> bool:
        return kind.kind in self.kinds

    async def list(self, kind: Kind, selector: str = "", keep: Any = None) -> ObjectList:  # noqa: ARG002
        self.listed.append(kind.kind)
        if kind.kind in self.refused:
            raise ForbiddenError("no right")
        return ObjectList([], 1)


async def test_a_kind_that_is_not_served_is_never_listed() -> None:
    cluster: Any = Served("HTTPRoute")
    known = await known_children(cluster)
    assert known.keys() == {"HTTPRoute", *(kind.kind for kind in BUILT_IN_CHILDREN)}
    assert cluster.listed == ["HTTPRoute"]


async def test_a_kind_that_may_not_be_listed_is_done_without(caplog: pytest.LogCaptureFixture) -> None:
    cluster: Any = Served("HTTPRoute", refused=("HTTPRoute",))
    assert "HTTPRoute" not in await known_children(cluster)
    assert "no HTTPRoute is made: no right" in caplog.text


async def test_a_kind_is_noticed_when_it_is_installed_and_may_be_listed() -> None:
    cluster: Any = Served("PodMonitor", "InferencePool", refused=("InferencePool",))
    waiting = asyncio.create_task(until_kind_is_installed(cluster, await known_children(cluster), 0.001))
    await asyncio.sleep(0.02)
    assert not waiting.done(), "nothing is new: what may not be listed does not count"
    cluster.kinds.append("HTTPRoute")
    await asyncio.wait_for(waiting, 10)


async def test_without_any_lacking_kind_it_waits_for_good() -> None:
    cluster: Any = Served(*CHILDREN)
    waiting = asyncio.create_task(until_kind_is_installed(cluster, await known_children(cluster), 0.001))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    waiting.cancel()
