"""Nothing that is not the resource's own is written or deleted, whatever its labels and whoever was faster."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from internvl_operator.kube.kinds import CHILDREN, INTERCEPTOR_ROUTE, RESOURCE, SCALED_OBJECT, SERVICE
from internvl_operator.kube.objects import condition_of, key_of
from internvl_operator.kube.port import ConflictError, Key, Kind, KubernetesObject
from internvl_operator.manifests.labels import child_labels
from tests.unit.world import KEY, World

EVERY_CHILD: dict[str, Any] = {
    "replicas": 2,
    "autoscaling": {"minReplicas": 2, "maxReplicas": 3},
    "model": {"cache": {"size": "100Gi", "accessMode": "ReadWriteMany"}},
    "gateway": {"parentRefs": [{"name": "inference"}], "balancing": "InferencePool"},
}
"""A spec that asks for a child of every kind, but for those that let a model have 0 replicas."""

SLEEPING: dict[str, Any] = {
    **EVERY_CHILD,
    "autoscaling": {"minReplicas": 0, "maxReplicas": 3},
    "gateway": {"parentRefs": [{"name": "inference"}]},
}
"""A spec that lets a model have 0 replicas: what scales and what balances in another way is left out."""


def asking_for(kind: Kind) -> dict[str, Any]:
    return SLEEPING if kind in (INTERCEPTOR_ROUTE, SCALED_OBJECT) else EVERY_CHILD


@pytest.fixture
def world() -> World:
    """A cluster that knows the optional kinds too."""
    return World(CHILDREN)


each_kind = pytest.mark.parametrize("kind", CHILDREN.values(), ids=CHILDREN)


def stranger(kind: Kind, labels: dict[str, str] | None = None) -> KubernetesObject:
    """Return an object of the resource's name in which no field is somebody's."""
    metadata = {"name": KEY.name, "namespace": KEY.namespace, "labels": labels or {}}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata}


@each_kind
@pytest.mark.parametrize("labels", [{}, child_labels(KEY.name)], ids=["unlabelled", "labelled"])
async def test_a_strangers_object_is_left_alone_and_named(
    world: World, kind: Kind, labels: dict[str, str]
) -> None:
    theirs = world.cluster.create(stranger(kind, labels), uid="theirs")
    if labels:
        world.cache.put(kind, theirs)
    world.create(**asking_for(kind))

    assert await world.reconcile() == 30.0

    assert world.cluster.objects[kind.kind, KEY] == theirs
    assert world.condition("Stalled") == ("True", "NameConflict")
    message = (condition_of(world.status, "Stalled") or {})["message"]
    assert f"a {kind.kind} named {KEY.name} exists" in message


@each_kind
async def test_a_stranger_that_takes_a_childs_place_is_left_alone(world: World, kind: Kind) -> None:
    world.create(**asking_for(kind))
    await world.reconcile()
    # The watch has not told yet that the child was deleted and that somebody was faster.
    theirs = world.cluster.create(stranger(kind), uid="theirs")
    spoil(world, kind)

    with pytest.raises(ConflictError):
        await world.reconcile()

    assert world.cluster.objects[kind.kind, KEY] == theirs


@each_kind
async def test_a_strangers_object_is_not_deleted_when_no_child_is_wanted(world: World, kind: Kind) -> None:
    theirs = world.cluster.create(stranger(kind, child_labels(KEY.name)), uid="theirs")
    world.cache.put(kind, theirs)
    world.create(networkPolicy={"enabled": False})

    await world.reconcile()

    assert world.cluster.objects[kind.kind, KEY] == theirs
    assert world.cluster.deleted == []


async def test_a_child_that_lost_its_labels_is_found_by_its_name_and_mended(world: World) -> None:
    world.create()
    await world.reconcile()
    wanted = copy.deepcopy(world.cluster.objects["Service", KEY])
    unlabelled = {**wanted["metadata"], "labels": {}}
    world.cache.drop(SERVICE, world.cluster.edit("Service", KEY, metadata=unlabelled))

    assert await world.reconcile() is None

    mended = world.cluster.objects["Service", KEY]
    assert mended["metadata"]["uid"] == wanted["metadata"]["uid"]
    assert mended["metadata"]["labels"] == wanted["metadata"]["labels"]
    assert world.cache.holds(SERVICE, KEY)


async def test_a_child_that_the_watch_has_not_told_of_is_not_written_again(world: World) -> None:
    world.create()
    await world.reconcile()
    world.cache.drop(SERVICE, world.cluster.objects["Service", KEY])
    applied = len(world.cluster.applied)

    assert await world.reconcile() is None

    assert len(world.cluster.applied) == applied


@pytest.mark.parametrize("spec", [EVERY_CHILD, SLEEPING])
async def test_the_children_of_a_new_resource_cost_no_read(world: World, spec: dict[str, Any]) -> None:
    world.create(**spec)
    await world.reconcile()
    written = {manifest["kind"] for manifest in world.cluster.applied}
    assert len(CHILDREN.keys() - written) == 2, "of two ways to scale, or to balance, there is one"
    assert world.cluster.looked_up == []


def spoil(world: World, kind: Kind) -> None:
    """Let the cached child differ from what is wanted, so that it is written."""
    cached = world.cache.get(kind, KEY)
    assert cached is not None
    assert key_of(cached) == Key(KEY.namespace, KEY.name)
    cached["metadata"]["annotations"] = {}
    cached["metadata"]["resourceVersion"] = "999"
    assert kind != RESOURCE
    assert world.cache.put(kind, cached)
