"""The reconciler against a cluster in memory."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from internvl_operator.catalog.engines import DEFAULT_VERSION
from internvl_operator.kube.cache import Cache, key_of
from internvl_operator.kube.kinds import BUILT_IN_CHILDREN, CHILDREN, DEPLOYMENT, POD, RESOURCE, SERVICE
from internvl_operator.kube.port import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    Key,
    KubernetesObject,
    UnavailableError,
)
from internvl_operator.manifests.labels import (
    PLAN_ANNOTATION,
    RECORD_VERSION_ANNOTATION,
    TEMPLATE_ANNOTATION,
)
from internvl_operator.planner.inventory import GpuPool, Inventory, NoGpuKnownError
from internvl_operator.planner.request import GpuRequest
from internvl_operator.reconcile import Reconciler
from internvl_operator.status import condition
from tests.unit.fake_cluster import FakeCluster
from tests.unit.pods import container, fetching, placed, running, serving, terminated, unscheduled, waiting

KEY = Key("vision", "captions")
KNOWN = {kind.kind: kind for kind in BUILT_IN_CHILDREN}


class World:
    """A cluster, what the operator has seen of it, and the operator."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.cache = Cache()
        self.pools = [GpuPool("NVIDIA-A100-SXM4-80GB", 81920, 8, compute_capability=(8, 0))]
        self.pools_of_now: list[GpuPool] = []
        self.inventories_read = 0
        self.versions = 1000
        self.time = datetime(2026, 1, 1, tzinfo=UTC)
        self.reconciler = Reconciler(self.cluster, self.cache, KNOWN, self._inventory, lambda: self.time)

    async def _inventory(self, _: GpuRequest, *, anew: bool = False) -> Inventory:
        self.inventories_read += 1
        pools = self.pools_of_now if anew and self.pools_of_now else self.pools
        if not pools:
            raise NoGpuKnownError("no GPU is known to plan for: set spec.gpu.product or spec.gpu.memory")
        return Inventory(tuple(pools))

    def create(self, **spec: Any) -> KubernetesObject:
        body = self.cluster.create(
            {
                "apiVersion": "internvl.dev/v1alpha1",
                "kind": "InternVLDeployment",
                "metadata": {"name": KEY.name, "namespace": KEY.namespace},
                "spec": {"size": "8B", "replicas": 1, **spec},
            }
        )
        self.cache.put(RESOURCE, body)
        return body

    def edit(self, **spec: Any) -> None:
        body = self.cluster.edit("InternVLDeployment", KEY, spec={"size": "8B", "replicas": 1, **spec})
        self.cache.put(RESOURCE, body)

    def serve(self, replicas: int = 1) -> None:
        """Report the Deployment's pods as ready, as its controller does."""
        generation = self.cluster.objects["Deployment", KEY]["metadata"]["generation"]
        counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas"), replicas)
        status = {"observedGeneration": generation, **counts}
        self.cache.put(DEPLOYMENT, self.cluster.edit("Deployment", KEY, status=status))

    def observe(self, *pods: KubernetesObject) -> None:
        """See these pods, in a new state, and no others."""
        self.versions += 1
        for pod in pods:
            pod["metadata"]["resourceVersion"] = str(self.versions)
        self.cache.replace(POD, pods, self.versions)

    async def reconcile(self) -> float | None:
        return await self.reconciler.reconcile(KEY)

    @property
    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = self.cluster.objects["InternVLDeployment", KEY]["status"]
        return status

    def condition(self, type_: str) -> tuple[str, str]:
        found = condition(self.status, type_)
        assert found is not None
        return found["status"], found["reason"]


@pytest.fixture
def world() -> World:
    return World()


async def test_a_new_resource_gets_its_status_first_and_then_its_children_once_each(world: World) -> None:
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
        listed = await world.cluster.list(kind)
        fresh.replace(kind, listed.items, listed.resource_version)
    restarted = Reconciler(world.cluster, fresh, KNOWN, world._inventory, lambda: world.time)
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

    monkeypatch.setattr("internvl_operator.manifests.deployment._CPUS_PER_GPU", 6)
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


async def test_someone_elses_object_is_a_name_conflict_and_is_asked_for_again(world: World) -> None:
    world.cluster.foreign.add(("Service", KEY))
    world.create()

    assert await world.reconcile() == 30.0

    assert world.condition("Stalled") == ("True", "NameConflict")
    assert "Deployment" not in {child["kind"] for child in world.cluster.applied}


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
    assert str(error) in (condition(world.status, "Stalled") or {})["message"]
    assert await world.reconcile() is None
    assert world.condition("Stalled") == ("False", "NotStalled")


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


async def test_nothing_is_made_for_a_resource_that_exists_only_in_the_cache(world: World) -> None:
    world.create()
    world.cluster.objects.clear()

    assert await world.reconcile() is None

    assert world.cluster.applied == []


async def test_children_that_go_are_made_again_only_while_the_resource_exists(world: World) -> None:
    world.create()
    await world.reconcile()
    assert world.cluster.looked_up == [], "nothing is read to make a new resource's children"
    service = world.cluster.objects["Service", KEY]
    world.cache.drop(SERVICE, service)

    assert await world.reconcile() is None
    assert world.cluster.applied[-1]["kind"] == "Service"

    applied = len(world.cluster.applied)
    world.cache.drop(SERVICE, world.cluster.objects["Service", KEY])
    del world.cluster.objects["InternVLDeployment", KEY]
    assert await world.reconcile() is None
    assert len(world.cluster.applied) == applied


async def test_a_resource_that_cannot_be_parsed_is_reported_field_by_field(world: World) -> None:
    world.create(size="9B", colour="red")

    await world.reconcile()

    assert world.condition("Stalled") == ("True", "InvalidSpec")
    message = (condition(world.status, "Stalled") or {})["message"]
    assert "spec.size" in message
    assert "spec.colour" in message


async def test_a_network_policy_that_is_no_longer_wanted_is_deleted_once(world: World) -> None:
    world.create()
    await world.reconcile()

    world.edit(networkPolicy={"enabled": False})
    await world.reconcile()
    await world.reconcile()

    assert world.cluster.deleted == [("NetworkPolicy", KEY)]


async def test_losing_its_pods_is_told_and_the_time_of_each_change_is_kept(world: World) -> None:
    world.create()
    await world.reconcile()
    world.serve()
    world.time += timedelta(minutes=1)
    await world.reconcile()
    ready_at = (condition(world.status, "Ready") or {})["lastTransitionTime"]

    status = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1}
    world.cache.put(DEPLOYMENT, world.cluster.edit("Deployment", KEY, status=status))
    world.time += timedelta(minutes=1)
    await world.reconcile()

    assert ready_at == "2026-01-01T00:01:00Z"
    assert (condition(world.status, "Ready") or {})["lastTransitionTime"] == "2026-01-01T00:02:00Z"
    assert [(event.type, event.reason) for event in world.cluster.events][-1] == ("Warning", "NotReady")
    assert key_of(world.cluster.objects["InternVLDeployment", KEY]) == KEY


async def test_a_spec_that_changes_while_its_status_is_written_is_looked_at_again(world: World) -> None:
    world.create()
    original = world.cluster.patch_status

    async def edited_meanwhile(manifest: Mapping[str, Any]) -> KubernetesObject:
        world.cluster.patch_status = original  # type: ignore[method-assign]
        world.cluster.edit("InternVLDeployment", KEY, spec={"size": "2B", "replicas": 1})
        return await original(manifest)

    world.cluster.patch_status = edited_meanwhile  # type: ignore[method-assign]

    assert await world.reconcile() == 0.0
    assert world.status["observedGeneration"] == 1
    assert await world.reconcile() is None
    assert world.status["observedGeneration"] == 2
    assert world.status["plan"]["size"] == "2B"


async def test_a_spec_that_changes_at_the_last_status_write_is_looked_at_again(world: World) -> None:
    world.create()
    await world.reconcile()
    world.serve()
    original = world.cluster.patch_status

    async def edited_meanwhile(manifest: Mapping[str, Any]) -> KubernetesObject:
        world.cluster.patch_status = original  # type: ignore[method-assign]
        world.cluster.edit("InternVLDeployment", KEY, spec={"size": "8B", "replicas": 3})
        return await original(manifest)

    world.cluster.patch_status = edited_meanwhile  # type: ignore[method-assign]

    assert await world.reconcile() == 0.0
    assert await world.reconcile() is None
    assert world.cluster.objects["Deployment", KEY]["spec"]["replicas"] == 3


async def test_a_fault_of_the_operator_itself_is_told_once_and_forgotten_when_it_is_over(
    world: World,
) -> None:
    world.create()
    await world.reconcile()
    plan = world.status["plan"]

    for _ in range(2):
        await world.reconciler.report(KEY, KeyError("containers"))

    assert world.condition("Ready") == ("False", "InternalError")
    assert world.condition("Stalled") == ("True", "InternalError")
    assert world.condition("Planned") == ("True", "Planned")
    assert world.status["plan"] == plan
    assert [event.reason for event in world.cluster.events] == ["Planned", "InternalError"]

    world.serve()
    await world.reconcile()

    assert world.condition("Ready") == ("True", "Ready")
    assert world.condition("Stalled") == ("False", "NotStalled")


async def test_a_lack_of_gpus_is_told_when_it_is_found_out_and_not_of_a_cache_on_one_node(
    world: World,
) -> None:
    world.create(model={"cache": {"size": "100Gi"}})
    await world.reconcile()
    assert world.status["rolloutStrategy"] == "TerminateFirst"
    world.edit()
    await world.reconcile()
    assert world.status["rolloutStrategy"] == "Surge"
    assert "TerminateFirst" not in {event.reason for event in world.cluster.events}

    revision = world.status["revision"]
    no_gpu = unscheduled("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.", name="new")
    no_gpu["metadata"]["labels"]["internvl.dev/revision"] = revision
    world.observe(serving("old"), no_gpu)
    world.time += timedelta(minutes=10)
    await world.reconcile()

    assert world.status["rolloutStrategy"] == "TerminateFirst"
    assert "TerminateFirst" in {event.reason for event in world.cluster.events}


async def test_why_a_pod_does_not_start_is_told_with_one_event_for_each_new_reason(world: World) -> None:
    world.create()
    await world.reconcile()
    started, statuses = len(world.cluster.events), len(world.cluster.statuses)

    world.observe(unscheduled("0/3 nodes are available: 3 Insufficient nvidia.com/gpu."))
    await world.reconcile()

    assert world.condition("Ready") == ("False", "WaitingForGPU")
    assert world.condition("Reconciling") == ("True", "WaitingForGPU")
    assert world.condition("Stalled") == ("False", "NotStalled")

    crash = terminated(134, "CUDA error: out of memory")
    for restarts in (1, 2, 3):
        world.observe(placed(container(waiting("CrashLoopBackOff"), crash, restarts=restarts)))
        await world.reconcile()
        world.observe(placed(container(running(60 * restarts), crash, restarts=restarts)))
        await world.reconcile()

    assert world.condition("Ready") == ("False", "OutOfGPUMemory")
    assert world.condition("Stalled") == ("True", "OutOfGPUMemory")
    told = [event.reason for event in world.cluster.events[started:]]
    assert told == ["WaitingForGPU", "OutOfGPUMemory"]
    assert len(world.cluster.statuses) == statuses + 2

    world.serve()
    await world.reconcile()

    assert world.condition("Ready") == ("True", "Ready")


async def test_the_steps_to_ready_are_told_in_the_status_and_in_no_event(world: World) -> None:
    world.create()
    await world.reconcile()

    world.observe(fetching(container(running(7), name="model")))
    await world.reconcile()
    assert world.condition("Ready") == ("False", "Downloading")
    world.observe(placed(container(running(60))))
    await world.reconcile()
    assert world.condition("Ready") == ("False", "LoadingWeights")
    assert "since 2026-01-01T00:01:00Z; expected: about" in world.status["conditions"][0]["message"]

    assert [event.reason for event in world.cluster.events] == ["Planned"]


async def test_one_broken_replica_of_two_is_told_while_the_other_is_available(world: World) -> None:
    world.create(replicas=2)
    await world.reconcile()
    counts = {"replicas": 2, "updatedReplicas": 2, "readyReplicas": 1}
    status = {"observedGeneration": 1, **counts}
    world.cache.put(DEPLOYMENT, world.cluster.edit("Deployment", KEY, status=status))

    world.observe(serving(), unscheduled("0/3 nodes are available: 3 Insufficient nvidia.com/gpu."))
    await world.reconcile()

    assert world.condition("Available") == ("True", "Serving")
    assert world.condition("Ready") == ("False", "WaitingForGPU")


async def test_the_reason_of_each_resource_is_known_as_long_as_there_is_the_resource(world: World) -> None:
    body = world.create()
    await world.reconciler.reconcile(KEY)
    assert world.reconciler.reasons == {KEY: "Deploying"}

    world.serve()
    await world.reconciler.reconcile(KEY)
    assert world.reconciler.reasons == {KEY: "Ready"}

    world.cache.drop(RESOURCE, world.cluster.objects[body["kind"], KEY])
    await world.reconciler.reconcile(KEY)
    assert world.reconciler.reasons == {}


async def test_autoscaling_that_the_release_cannot_do_is_warned_of_while_it_is_wanted(world: World) -> None:
    old = {"engine": {"version": "0.8.0"}}
    world.create(**old)
    await world.reconcile()
    kept = world.cluster.objects["Deployment", KEY]
    warnings = world.status["plan"]["warnings"]

    world.edit(**old, autoscaling={"maxReplicas": 4})
    await world.reconcile()

    assert world.status["plan"]["warnings"] == [
        *warnings,
        "LMDeploy 0.8.0 does not count waiting requests on the turbomind backend: spec.autoscaling never scales; "
        "use engine 0.10.2 or later.",
    ]
    assert world.cluster.objects["Deployment", KEY]["spec"]["template"] == kept["spec"]["template"]

    world.edit(**old)
    await world.reconcile()

    assert world.status["plan"]["warnings"] == warnings


async def test_a_release_that_only_a_newer_operator_knows_stays_as_it_is(world: World) -> None:
    world.create(autoscaling={"maxReplicas": 4})
    await world.reconcile()
    annotations = world.cluster.objects["Deployment", KEY]["metadata"]["annotations"]
    for name in (PLAN_ANNOTATION, TEMPLATE_ANNOTATION):
        annotations[name] = annotations[name].replace(DEFAULT_VERSION, "9.9.0")
    annotations[RECORD_VERSION_ANNOTATION] = "2"
    world.cache.put(DEPLOYMENT, world.cluster.edit("Deployment", KEY))

    await world.reconcile()

    assert world.status["plan"]["engine"] == "9.9.0"
    template = world.cluster.objects["Deployment", KEY]["spec"]["template"]
    assert "v9.9.0" in template["spec"]["containers"][0]["image"]


async def test_a_plan_that_fails_by_the_nodes_of_a_minute_ago_is_made_by_those_of_now(world: World) -> None:
    world.pools_of_now, world.pools = world.pools, []
    world.create()
    await world.reconciler.reconcile(KEY)
    assert world.reconciler.reasons == {KEY: "Deploying"}
    assert world.inventories_read == 2
