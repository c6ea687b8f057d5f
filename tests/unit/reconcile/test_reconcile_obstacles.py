"""What stands in the reconciler's way: other people's objects, refusals, failures, changes at the same moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from internvl_operator.kube.kinds import RESOURCE, SERVICE
from internvl_operator.kube.objects import condition_of
from internvl_operator.kube.port import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    KubernetesObject,
    UnavailableError,
)
from tests.unit.world import KEY, World

if TYPE_CHECKING:
    from collections.abc import Mapping


async def test_an_object_of_a_deleted_namesake_is_waited_for(world: World) -> None:
    world.create()
    await world.reconcile()
    del world.cluster.objects["InternVLDeployment", KEY]
    body = world.cluster.create(
        {
            "apiVersion": "internvl.dev/v1alpha1",
            "kind": "InternVLDeployment",
            "metadata": {"name": KEY.name, "namespace": KEY.namespace},
            "spec": {"size": "8B", "replicas": 1},
        },
        uid="uid-2",
    )
    world.cache.put(RESOURCE, body)

    assert await world.reconcile() == 2.0

    assert world.condition("Ready") == ("False", "WaitingForDeletion")
    assert world.condition("Stalled")[0] == "False"


async def test_without_a_known_gpu_the_field_to_fill_in_is_named_and_it_is_tried_again(world: World) -> None:
    world.pools.clear()
    world.create()

    assert await world.reconcile() == 60.0

    assert world.condition("Planned") == ("False", "NoGPUKnown")
    assert "spec.gpu.product" in world.status["conditions"][0]["message"]
    assert world.cluster.applied == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (InvalidError("spec.template: Invalid value"), "InvalidNetworkPolicy"),
        (ForbiddenError("exceeded quota"), "Forbidden"),
    ],
)
async def test_what_the_api_server_refuses_is_stalled_with_its_words_and_left_to_the_queues_backoff(
    world: World, error: Exception, reason: str
) -> None:
    world.create()
    original = world.cluster.apply

    async def refuse(*_: Any, **__: Any) -> KubernetesObject:
        raise error

    world.cluster.apply = refuse  # type: ignore[method-assign]
    with pytest.raises(type(error)):
        await world.reconcile()
    world.cluster.apply = original  # type: ignore[method-assign]

    assert world.condition("Stalled") == ("True", reason)
    assert str(error) in (condition_of(world.status, "Stalled") or {})["message"]
    assert await world.reconcile() is None
    assert world.condition("Stalled") == ("False", "NotStalled")


async def test_a_status_that_the_api_server_refuses_is_told_by_an_event(world: World) -> None:
    world.create()
    await world.reconcile()
    world.edit(replicas=2)
    original = world.cluster.patch_status

    async def refuse(manifest: Mapping[str, Any]) -> KubernetesObject:  # noqa: ARG001
        raise InvalidError("status.plan.nodeSelector: Invalid value: null")

    world.cluster.patch_status = refuse  # type: ignore[method-assign]
    with pytest.raises(InvalidError):
        await world.reconcile()
    world.cluster.patch_status = original  # type: ignore[method-assign]

    (event,) = [each for each in world.cluster.events if each.reason == "StatusRefused"]
    assert "status.plan.nodeSelector: Invalid value: null" in event.message
    await world.reconcile()
    assert world.status["observedGeneration"] == 2


async def test_an_api_that_fails_is_left_to_the_queues_backoff(world: World) -> None:
    world.create()
    world.cluster.failures.append(UnavailableError("503"))

    with pytest.raises(UnavailableError):
        await world.reconcile()
    assert await world.reconcile() is None

    assert len(world.cluster.applied) == 3


async def test_a_conflict_in_passing_is_no_name_conflict(world: World) -> None:
    world.create()
    original = world.cluster.apply

    async def collide(*_: Any, **__: Any) -> KubernetesObject:
        raise ConflictError("the object has been modified; please apply your changes to the latest version")

    world.cluster.apply = collide  # type: ignore[method-assign]
    with pytest.raises(ConflictError):
        await world.reconcile()
    world.cluster.apply = original  # type: ignore[method-assign]

    assert await world.reconcile() is None
    assert world.condition("Stalled") == ("False", "NotStalled")


async def test_no_pods_are_made_for_a_resource_that_exists_only_in_the_cache(world: World) -> None:
    world.create()
    world.cluster.objects.clear()

    assert await world.reconcile() is None

    # Its owner does not exist: what was written beside the status is collected.
    assert [manifest["kind"] for manifest in world.cluster.applied] == ["NetworkPolicy", "Service"]


async def test_children_that_go_are_made_again_only_while_the_resource_exists(world: World) -> None:
    world.create()
    await world.reconcile()
    assert world.cluster.looked_up == [], "nothing is read to make a new resource's children"
    world.cache.drop(SERVICE, world.cluster.objects.pop(("Service", KEY)))

    assert await world.reconcile() is None
    assert world.cluster.applied[-1]["kind"] == "Service"

    applied = len(world.cluster.applied)
    world.cache.drop(SERVICE, world.cluster.objects.pop(("Service", KEY)))
    del world.cluster.objects["InternVLDeployment", KEY]
    assert await world.reconcile() is None
    assert len(world.cluster.applied) == applied


async def test_a_resource_that_cannot_be_parsed_is_reported_field_by_field(world: World) -> None:
    world.create(size="3B", colour="red")

    await world.reconcile()

    assert world.condition("Stalled") == ("True", "InvalidSpec")
    message = (condition_of(world.status, "Stalled") or {})["message"]
    assert "spec.size" in message
    assert "spec.colour" in message


async def test_a_spec_that_changes_while_its_status_is_written_is_looked_at_again(world: World) -> None:
    world.create()
    world.edit_beside_the_next_status(size="2B", replicas=1)

    assert await world.reconcile() == 0.0
    assert world.status["observedGeneration"] == 1
    assert ("Deployment", KEY) not in world.cluster.objects, "no pods are made for the older spec"
    assert await world.reconcile() is None
    assert world.status["observedGeneration"] == 2
    assert world.status["plan"]["size"] == "2B"


async def test_a_spec_that_changes_at_the_last_status_write_is_looked_at_again(world: World) -> None:
    world.create()
    await world.reconcile()
    world.serve()
    world.edit_beside_the_next_status(size="8B", replicas=3)

    assert await world.reconcile() == 0.0
    assert await world.reconcile() is None
    assert world.cluster.objects["Deployment", KEY]["spec"]["replicas"] == 3


async def test_a_plan_that_fails_by_the_nodes_of_a_minute_ago_is_made_by_those_of_now(world: World) -> None:
    world.pools_of_now, world.pools = world.pools, []
    world.create()
    await world.reconciler.reconcile(KEY)
    assert world.reconciler.reasons == {KEY: "Deploying"}
    assert world.inventories_read == 2
