"""Which events of a watch are the operator's own writes, of which the API server's answer has not been read yet."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from internvl_operator.apply.own_writes import OwnWrites
from internvl_operator.kube.cache import Cache
from internvl_operator.kube.kinds import DEPLOYMENT, SERVICE
from internvl_operator.kube.port import Key, Kind, KubernetesObject, UnavailableError

KEY = Key("vision", "captions")


def child(version: int, name: str = KEY.name) -> KubernetesObject:
    return {"metadata": {"namespace": KEY.namespace, "name": name, "resourceVersion": str(version)}}


@pytest.fixture
def cache() -> Cache:
    return Cache()


@pytest.fixture
def changes() -> list[tuple[Kind, int]]:
    return []


@pytest.fixture
def writes(cache: Cache, changes: list[tuple[Kind, int]]) -> OwnWrites:
    writes = OwnWrites(cache)

    def note(kind: Kind, body: Any) -> None:
        changes.append((kind, int(body["metadata"]["resourceVersion"])))

    writes.changed_by_others = note
    return writes


async def written(
    answer: KubernetesObject, meanwhile: Callable[[], object] = lambda: None
) -> KubernetesObject:
    """The answer to a write, before which something happens."""
    await asyncio.sleep(0)
    meanwhile()
    return answer


async def test_the_answer_is_returned_and_kept(writes: OwnWrites, cache: Cache) -> None:
    assert await writes.make(DEPLOYMENT, KEY, written(child(7))) == child(7)
    assert cache.knows(DEPLOYMENT, child(7))


async def test_an_event_of_the_write_is_no_change(writes: OwnWrites, changes: list[tuple[Kind, int]]) -> None:
    told: list[bool] = []
    await writes.make(
        DEPLOYMENT, KEY, written(child(7), lambda: told.append(writes.awaits(DEPLOYMENT, child(7))))
    )
    assert told == [True]
    assert changes == []


@pytest.mark.parametrize("version", [6, 8], ids=["before", "after"])
async def test_what_others_write_at_the_same_time_is_a_change(
    writes: OwnWrites, changes: list[tuple[Kind, int]], version: int
) -> None:
    def both() -> None:
        for told in sorted((version, 7)):
            assert writes.awaits(DEPLOYMENT, child(told))

    await writes.make(DEPLOYMENT, KEY, written(child(7), both))
    assert changes == [(DEPLOYMENT, version)]


@pytest.mark.parametrize(
    "failure", [UnavailableError("503"), asyncio.CancelledError()], ids=["failed", "cancelled"]
)
async def test_what_came_during_a_write_without_an_answer_is_a_change(
    writes: OwnWrites, changes: list[tuple[Kind, int]], failure: BaseException
) -> None:
    async def failing() -> KubernetesObject:
        assert writes.awaits(DEPLOYMENT, child(7))
        raise failure

    with pytest.raises(type(failure)):
        await writes.make(DEPLOYMENT, KEY, failing())
    assert changes == [(DEPLOYMENT, 7)]
    assert not writes.awaits(DEPLOYMENT, child(8)), "nothing is written any more"


async def test_other_objects_are_not_awaited(writes: OwnWrites, changes: list[tuple[Kind, int]]) -> None:
    def others() -> None:
        assert not writes.awaits(SERVICE, child(6))
        assert not writes.awaits(DEPLOYMENT, child(6, "another"))

    await writes.make(DEPLOYMENT, KEY, written(child(7), others))
    assert not writes.awaits(DEPLOYMENT, child(8))
    assert changes == []
