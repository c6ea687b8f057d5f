"""What the reconciler tells of a resource: statuses, times, Events, warnings."""

from __future__ import annotations

from datetime import timedelta

from internvl_operator.kube.kinds import DEPLOYMENT, RESOURCE
from internvl_operator.kube.objects import condition_of, key_of
from internvl_operator.kube.port import UnavailableError
from tests.unit.pods import container, fetching, placed, running, serving, terminated, unscheduled, waiting
from tests.unit.world import KEY, World


async def test_losing_its_pods_is_told_and_the_time_of_each_change_is_kept(world: World) -> None:
    world.create()
    await world.reconcile()
    world.serve()
    world.time += timedelta(minutes=1)
    await world.reconcile()
    ready_at = (condition_of(world.status, "Ready") or {})["lastTransitionTime"]

    status = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1}
    world.cache.put(DEPLOYMENT, world.cluster.edit("Deployment", KEY, status=status))
    world.time += timedelta(minutes=1)
    await world.reconcile()

    assert ready_at == "2026-01-01T00:01:00Z"
    assert (condition_of(world.status, "Ready") or {})["lastTransitionTime"] == "2026-01-01T00:02:00Z"
    assert [(event.type, event.reason) for event in world.cluster.events][-1] == ("Warning", "NotReady")
    assert key_of(world.cluster.objects["InternVLDeployment", KEY]) == KEY


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


class TestAWriteThatFailsForGood:
    """Such as one that an admission webhook should see which does not answer."""

    FAILURE = UnavailableError("500: failed calling webhook")

    async def test_is_told_in_the_status_of_a_new_resource(self, world: World) -> None:
        world.create()
        await world.reconcile()
        for _ in range(2):
            await world.reconciler.report(KEY, self.FAILURE)
        assert world.condition("Ready") == ("False", "WriteFailed")
        assert world.condition("Reconciling") == ("True", "WriteFailed")
        assert world.condition("Stalled") == ("False", "NotStalled")
        told = condition_of(world.status, "Reconciling")
        assert told is not None
        assert "failed calling webhook" in told["message"]

    async def test_leaves_a_model_ready_that_serves(self, world: World) -> None:
        world.create()
        await world.reconcile()
        world.serve()
        await world.reconcile()
        await world.reconciler.report(KEY, self.FAILURE)
        assert world.condition("Ready") == ("True", "Ready")
        assert world.condition("Reconciling") == ("True", "WriteFailed")
        await world.reconcile()
        assert world.condition("Reconciling") == ("False", "Ready")


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


async def test_a_deployment_that_somebody_paused_is_said_to_be_so(world: World) -> None:
    world.create()
    await world.reconcile()
    spec = world.cluster.objects["Deployment", KEY]["spec"]
    paused = world.cluster.edit("Deployment", KEY, spec={**spec, "paused": True})
    world.cache.put(DEPLOYMENT, paused)

    await world.reconcile()

    assert world.condition("Stalled") == ("True", "DeploymentPaused")
    assert (
        f"kubectl rollout resume deployment/{KEY.name}"
        in (condition_of(world.status, "Stalled") or {})["message"]
    )


async def test_a_pod_template_that_is_too_large_to_be_kept_is_said_to_be_so(world: World) -> None:
    variables = [{"name": f"V{number}", "value": "x" * 6600} for number in range(40)]
    world.create(engine={"env": variables})

    await world.reconcile()

    assert world.condition("Stalled") == ("True", "PodTemplateTooLarge")
    assert (
        "which may have 256 KiB: shorten engine.env"
        in (condition_of(world.status, "Stalled") or {})["message"]
    )
    assert world.cluster.applied == []
