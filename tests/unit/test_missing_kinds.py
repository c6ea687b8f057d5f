"""Kinds that the cluster lacks: whoever asks for one is told what to install, and everything else is done."""

from __future__ import annotations

import asyncio

import pytest

from internvl_operator.api.reasons import Reason
from internvl_operator.apply import child_writer
from internvl_operator.kube.kinds import CHILDREN, POD_MONITOR
from internvl_operator.kube.port import NotFoundError, ObjectList
from internvl_operator.problem import Problem
from internvl_operator.runtime import discovery
from internvl_operator.runtime.discovery import until_installed
from tests.unit.fake_cluster import FakeCluster
from tests.unit.world import World

ABSENCE = Problem(Reason.REJECTED, "install the thing", holds_up_others=False)


@pytest.fixture
def absence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(child_writer.ABSENCES, "PodMonitor", ABSENCE)


@pytest.mark.usefixtures("absence")
async def test_who_asks_for_a_missing_kind_is_told_and_gets_everything_else() -> None:
    world = World()
    world.create()
    await world.reconcile()
    world.serve()
    await world.reconcile()

    assert world.condition("Ready") == ("False", ABSENCE.reason)
    assert world.condition("Stalled") == ("True", ABSENCE.reason)
    assert world.condition("Available")[0] == "True"
    assert "Deployment" in {child["kind"] for child in world.cluster.applied}
    assert world.reconciler.missing_kinds == {POD_MONITOR}


@pytest.mark.usefixtures("absence")
@pytest.mark.parametrize(
    ("kinds", "spec"), [(CHILDREN, {}), ({}, {"monitoring": {"podMonitor": "Disabled"}})]
)
async def test_who_asks_for_none_or_has_it_hears_nothing(
    kinds: dict[str, object], spec: dict[str, object]
) -> None:
    world = World(CHILDREN) if kinds else World()
    world.create(**spec)
    await world.reconcile()
    assert world.condition("Stalled") == ("False", "NotStalled")
    assert world.reconciler.missing_kinds == set()


async def test_the_cluster_is_asked_only_for_kinds_that_a_spec_asks_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And the wait ends when it has one of them."""
    monkeypatch.setattr(discovery, "_LOOK_AGAIN_SECONDS", 0.0)
    cluster, asked, missing = FakeCluster(), [0], set()

    async def listed(*_: object) -> ObjectList:
        asked[0] += 1
        if asked[0] < 3:
            raise NotFoundError("the server could not find the requested resource")
        return ObjectList([], 1)

    monkeypatch.setattr(cluster, "list", listed)
    waiting = asyncio.create_task(until_installed(cluster, lambda: missing))
    for _ in range(20):
        await asyncio.sleep(0)
    assert (asked[0], waiting.done()) == (0, False)
    missing.add(POD_MONITOR)
    await asyncio.wait_for(waiting, 5)
    assert asked[0] == 3
