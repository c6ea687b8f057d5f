"""The reconciler against a cluster in memory: what is written, and what is not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from internvl_operator.catalog.engines import DEFAULT_VERSION
from internvl_operator.kube.cache import Cache
from internvl_operator.kube.kinds import CHILDREN, DEPLOYMENT, RESOURCE
from internvl_operator.manifests.labels import (
    PLAN_ANNOTATION,
    RECORD_VERSION_ANNOTATION,
    TEMPLATE_ANNOTATION,
)
from internvl_operator.manifests.record import RECORD_VERSION
from internvl_operator.planner.nodes.inventory import GpuPool
from internvl_operator.reconcile import Reconciler
from tests.unit.world import KEY, KNOWN, World


async def test_a_new_resource_gets_its_children_once_each_and_two_statuses_at_most(world: World) -> None:
    world.create()

    assert await world.reconcile() is None

    assert [child["kind"] for child in world.cluster.applied] == ["NetworkPolicy", "Service", "Deployment"]
    assert len(world.cluster.statuses) <= 2
    assert world.condition("Ready") == ("False", "Deploying")
    assert world.condition("Reconciling") == ("True", "Deploying")
    assert world.condition("Planned") == ("True", "Planned")


async def test_a_resource_at_rest_is_not_written_whatever_the_time(world: World) -> None:
    world.create()
    await world.reconcile()
    world.serve()
    await world.reconcile()
    applied, statuses = len(world.cluster.applied), len(world.cluster.statuses)

    for _ in range(5):
        world.time += timedelta(hours=1)
        await world.reconcile()

    assert (len(world.cluster.applied), len(world.cluster.statuses)) == (applied, statuses)
    assert world.condition("Ready") == ("True", "Ready")
    assert [event.reason for event in world.cluster.events] == ["Planned", "Ready"]


async def test_a_restarted_operator_writes_nothing(world: World) -> None:
    world.create()
    await world.reconcile()
    world.serve()
    await world.reconcile()
    applied, statuses = len(world.cluster.applied), len(world.cluster.statuses)

    fresh = Cache()
    for kind in (RESOURCE, *CHILDREN.values()):
        for body in (await world.cluster.list(kind)).items:
            fresh.put(kind, body)
    restarted = Reconciler(
        cluster=world.cluster,
        cache=fresh,
        children=KNOWN,
        inventory=world._inventory,
        now=lambda: world.time,
    )
    await restarted.reconcile(KEY)

    assert (len(world.cluster.applied), len(world.cluster.statuses)) == (applied, statuses)


async def test_suspending_stops_the_pods_even_where_the_spec_beside_it_has_no_plan(world: World) -> None:
    world.create()
    await world.reconcile()
    world.serve()
    await world.reconcile()
    before = world.cluster.objects["Deployment", KEY]

    world.edit(size="76B", quantization="None", engine={"tp": 1}, suspend=True)
    await world.reconcile()
    world.serve(replicas=0)
    await world.reconcile()

    after = world.cluster.objects["Deployment", KEY]
    assert after["spec"]["replicas"] == 0
    assert after["spec"]["template"] == before["spec"]["template"]
    assert world.condition("Ready") == ("True", "Suspended")
    assert world.condition("UpdateAvailable")[0] == "False"

    world.edit(size="76B", quantization="None", engine={"tp": 1})
    await world.reconcile()
    assert world.condition("Stalled") == ("True", "DoesNotFit")


async def test_the_plan_stays_when_nodes_come_and_is_made_anew_when_the_inputs_change(world: World) -> None:
    world.create(size="40B")
    await world.reconcile()
    assert world.status["plan"]["gpus"] == 2
    first = world.cluster.objects["Deployment", KEY]["spec"]["template"]

    world.pools.append(GpuPool("NVIDIA-H200", 143771, 8, compute_capability=(9, 0)))
    world.edit(size="40B", replicas=2)
    await world.reconcile()

    assert world.inventories_read == 1
    assert world.cluster.objects["Deployment", KEY]["spec"]["template"] == first
    assert world.cluster.objects["Deployment", KEY]["spec"]["replicas"] == 2

    world.edit(size="40B", engine={"sessionLen": 4096})
    await world.reconcile()

    assert world.inventories_read == 2
    assert (world.status["plan"]["gpus"], world.status["plan"]["product"]) == (1, "NVIDIA-H200")


async def test_a_template_that_another_operator_would_render_restarts_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.create()
    await world.reconcile()
    world.serve()
    before = world.cluster.objects["Deployment", KEY]["spec"]["template"]

    monkeypatch.setattr("internvl_operator.manifests.host_cpu.CPU_MILLIS_PER_GPU", 6000)
    world.edit(replicas=3)
    await world.reconcile()

    assert world.cluster.objects["Deployment", KEY]["spec"]["template"] == before


async def test_a_child_edited_by_hand_is_applied_again_with_force(world: World) -> None:
    world.create()
    await world.reconcile()
    deployment = world.cluster.objects["Deployment", KEY]
    spec = dict(deployment["spec"], replicas=7)
    world.cache.put(DEPLOYMENT, world.cluster.edit("Deployment", KEY, spec=spec))

    await world.reconcile()

    assert world.cluster.objects["Deployment", KEY]["spec"]["replicas"] == 1


async def test_a_network_policy_that_is_no_longer_wanted_is_deleted_once(world: World) -> None:
    world.create()
    await world.reconcile()

    world.edit(networkPolicy={"enabled": False})
    await world.reconcile()
    await world.reconcile()

    assert world.cluster.deleted == [("NetworkPolicy", KEY)]


async def test_a_release_that_only_a_newer_operator_knows_stays_as_it_is(world: World) -> None:
    world.create(autoscaling={"maxReplicas": 4})
    await world.reconcile()
    annotations = world.cluster.objects["Deployment", KEY]["metadata"]["annotations"]
    for name in (PLAN_ANNOTATION, TEMPLATE_ANNOTATION):
        annotations[name] = annotations[name].replace(DEFAULT_VERSION, "9.9.0")
    annotations[RECORD_VERSION_ANNOTATION] = str(RECORD_VERSION + 1)
    world.cache.put(DEPLOYMENT, world.cluster.edit("Deployment", KEY))
    world.confirm_record()

    await world.reconcile()

    assert world.status["plan"]["engine"] == "9.9.0"
    template = world.cluster.objects["Deployment", KEY]["spec"]["template"]
    assert "v9.9.0" in template["spec"]["containers"][0]["image"]


async def test_the_log_has_a_line_for_what_changes_and_none_at_rest(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    world.create()
    await world.reconcile()
    lines = [record.getMessage().removeprefix(f"{KEY}: ") for record in caplog.records]
    assert [line.split(" ")[0].rstrip(":") for line in lines] == ["planned", "revision", "Deploying"]
    assert vars(caplog.records[-1])["resource"] == KEY.name
    world.serve()
    await world.reconcile()
    caplog.clear()

    await world.reconcile()
    assert caplog.records == []

    world.cache.drop(RESOURCE, world.cluster.objects[RESOURCE.kind, KEY])
    await world.reconcile()
    await world.reconcile()
    assert [record.getMessage() for record in caplog.records] == [f"{KEY}: deleted"]
