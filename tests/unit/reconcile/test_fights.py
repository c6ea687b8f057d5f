"""Somebody who changes a child again and again is named, and not fought without end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from internvl_operator.kube.kinds import CHILDREN
from internvl_operator.kube.objects import condition_of
from internvl_operator.kube.port import Key, Kind
from tests.unit.reconcile.test_ownership import asking_for
from tests.unit.world import KEY, World

EDITOR = {
    "manager": "somebody",
    "operation": "Update",
    "time": "2026-01-01T00:00:00Z",
    "fieldsV1": {"f:spec": {"f:replicas": {}}},
}
SCALER = {
    **EDITOR,
    "manager": "kube-controller-manager",
    "subresource": "scale",
    "time": "2026-01-01T00:00:01Z",
}


@pytest.fixture
def world() -> World:
    return World(CHILDREN)


def spoil(world: World, kind: Kind, *managers: dict[str, Any]) -> None:
    """Change a child as somebody else does, and let the watch tell of it."""
    metadata = world.cluster.objects[kind.kind, KEY]["metadata"]
    edited = {**metadata, "labels": {}, "managedFields": list(managers)}
    world.cache.put(kind, world.cluster.edit(kind.kind, KEY, metadata=edited))


def writes(world: World, kind: Kind) -> int:
    return sum(manifest["kind"] == kind.kind for manifest in world.cluster.applied)


def message(world: World) -> str:
    return str((condition_of(world.status, "Stalled") or {})["message"])


@pytest.mark.parametrize("kind", CHILDREN.values(), ids=CHILDREN)
async def test_a_fight_about_any_child_slows_down_and_the_other_is_named(world: World, kind: Kind) -> None:
    world.create(**asking_for(kind))
    await world.reconcile()
    for _ in range(100):  # five minutes of edits
        spoil(world, kind, EDITOR)
        await world.reconcile()
        world.time += timedelta(seconds=3)

    assert writes(world, kind) < 15
    assert world.condition("Stalled") == ("True", "Contested")
    assert message(world).startswith(
        f"the {kind.kind} {KEY.name} is changed again and again by somebody (spec.replicas)"
    )
    assert len(world.cluster.looked_up) < 15, "whoever edits costs no read each time"


async def test_edits_now_and_then_are_put_back_at_once(world: World) -> None:
    kind = CHILDREN["Service"]
    world.create()
    await world.reconcile()
    for number in range(10):
        spoil(world, kind, EDITOR)
        assert await world.reconcile() is None
        assert writes(world, kind) == 2 + number
        world.time += timedelta(minutes=16)


async def test_a_fight_delays_no_change_of_the_resource(world: World) -> None:
    kind = CHILDREN["Service"]
    world.create()
    await world.reconcile()
    for _ in range(10):
        spoil(world, kind, EDITOR)
        await world.reconcile()
    before = writes(world, kind)

    world.edit(service={"annotations": {"a": "b"}})
    assert await world.reconcile() is None

    assert writes(world, kind) == before + 1


async def test_a_fight_about_one_child_keeps_no_other_from_being_written(world: World) -> None:
    world.create()
    await world.reconcile()
    for _ in range(10):
        spoil(world, CHILDREN["NetworkPolicy"], EDITOR)
        await world.reconcile()

    spoil(world, CHILDREN["NetworkPolicy"], EDITOR)
    world.edit(replicas=2)
    await world.reconcile()

    assert world.cluster.objects["Deployment", KEY]["spec"]["replicas"] == 2


async def test_it_is_asked_for_again_when_the_pause_ends(world: World) -> None:
    kind = CHILDREN["Service"]
    world.create()
    await world.reconcile()
    for _ in range(4):
        spoil(world, kind, EDITOR)
        after = await world.reconcile()

    assert after == 2.0
    world.time += timedelta(seconds=2)
    assert await world.reconcile() is None
    assert world.condition("Stalled") == ("False", "NotStalled")


async def test_an_autoscaler_of_somebody_on_the_deployment_is_named(world: World) -> None:
    world.create()
    await world.reconcile()
    autoscaler = world.cluster.create(
        {
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "theirs", "namespace": KEY.namespace},
            "spec": {"scaleTargetRef": {"kind": "Deployment", "name": KEY.name}},
        }
    )
    for _ in range(4):
        spoil(world, CHILDREN["Deployment"], EDITOR, SCALER)
        await world.reconcile()

    assert (
        "by the HorizontalPodAutoscaler theirs, which is to scale the resource instead, "
        "kube-controller-manager (spec.replicas)" in message(world)
    )
    assert world.cluster.objects["HorizontalPodAutoscaler", Key(KEY.namespace, "theirs")] == autoscaler
