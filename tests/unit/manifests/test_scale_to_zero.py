"""`autoscaling.minReplicas: 0`: what is rendered, how long everyone waits, and what the status says."""

from __future__ import annotations

from typing import Any

import pytest

from internvl_operator.api.lifecycle import KedaHttp
from internvl_operator.api.parsing import parse
from internvl_operator.api.platform_defaults import parse_platform_defaults
from internvl_operator.kube.kinds import CHILDREN, SCALED_OBJECT
from internvl_operator.kube.objects import condition_of
from internvl_operator.kube.slimming import kept
from internvl_operator.manifests.children import render_children
from internvl_operator.manifests.objects.keda.wake import Wake, wake_of
from internvl_operator.manifests.record import inputs_of
from tests.cluster.specs.table import resource
from tests.rendering import children_of, plan_of
from tests.unit.world import KEY, KNOWN, World

ASLEEP = {"minReplicas": 0, "maxReplicas": 4}
FROM_CLAIM = {"source": {"persistentVolumeClaim": {"name": "models"}}}

CACHED = {"cache": {"size": "500Gi", "accessMode": "ReadWriteMany", "storageClassName": "shared"}}


def wake(**spec: Any) -> Wake:
    spec = {"size": "8B", "autoscaling": ASLEEP, **spec}
    return wake_of(parse(resource(spec)), plan_of(spec), KedaHttp())


def manifests(**spec: Any) -> dict[str, Any]:
    return {child["kind"]: child for child in children_of({"size": "8B", "autoscaling": ASLEEP, **spec})}


def message(world: World, type_: str = "Ready") -> str:
    return str((condition_of(world.status, type_) or {})["message"])


def asleep(world: World, **keda: Any) -> None:
    """Let KEDA stop the last replica: it writes spec.replicas, and the Deployment follows."""
    world.edit(replicas=0, autoscaling=ASLEEP)
    if keda:
        status = {"conditions": [{"type": "Ready", "lastTransitionTime": "", **keda}]}
        world.cache.put(SCALED_OBJECT, world.cluster.edit("ScaledObject", KEY, status=status))


def test_the_server_keeps_an_idle_connection_longer_than_the_interceptor_does() -> None:
    """Who closes first may close while the other sends: the interceptor, as what is written in Go, does after 90 s."""
    (container,) = manifests()["Deployment"]["spec"]["template"]["spec"]["containers"]
    (seconds,) = [item["value"] for item in container["env"] if item["name"] == "UVICORN_TIMEOUT_KEEP_ALIVE"]
    assert int(seconds) > 90


@pytest.mark.parametrize("size", ["1B", "8B", "76B"])
@pytest.mark.parametrize("model", [{}, FROM_CLAIM, CACHED], ids=["hub", "claim", "cache"])
def test_a_request_is_held_for_the_download_and_twice_the_start_and_no_replica_that_loads_is_stopped(
    size: str, model: dict[str, Any]
) -> None:
    plan = plan_of({"size": size, "model": model})
    times = wake(size=size, model=model)
    download = 0 if model == FROM_CLAIM else plan.memory.weights_mib * plan.tp // 20
    assert times.hold_seconds == download + 2 * plan.expected_start_seconds
    assert times.cooldown_seconds >= max(300, times.hold_seconds) > plan.expected_start_seconds
    # What is kept in a claim is downloaded once, and not at each wake.
    assert times.seconds == plan.expected_start_seconds + (0 if model else download)


def test_the_reason_has_every_second() -> None:
    assert wake(model=FROM_CLAIM).reason == "101 s to load the model"
    assert wake().reason == "770 s to download it and 101 s to load the model"


def test_the_interceptor_knows_the_host_holds_and_counts_requests_and_cuts_off_none() -> None:
    spec = manifests(server={"port": 8000})["InterceptorRoute"]["spec"]
    assert spec["target"] == {"service": "captions", "port": 8000}
    (rule,) = spec["rules"]
    assert rule["hosts"] == ["captions.default", "captions.default.svc", "captions.default.svc.cluster.local"]
    assert rule["paths"] == [{"value": "/v1/"}], "LMDeploy's management paths do not pass"
    assert spec["timeouts"] == {"readiness": "972s", "request": "0s", "responseHeader": "0s"}
    plan = plan_of({"size": "8B"})
    assert spec["scalingMetric"] == {"concurrency": {"targetValue": plan.concurrent_image_requests + 4}}


@pytest.mark.parametrize("session_len", [2048, 3840, 8192])
def test_a_replica_takes_as_many_requests_as_fit_of_the_longest_that_a_session_holds(
    session_len: int,
) -> None:
    spec = {"engine": {"sessionLen": session_len}}
    plan = plan_of({"size": "8B", **spec})
    fit = min(plan.memory.kv_tokens // min(session_len, 3840), plan.options.max_batch_size)
    assert wake(**spec).requests_per_replica == fit + 4


def test_keda_scales_the_resource_itself_from_0_and_a_new_object_stops_nothing_at_once() -> None:
    rendered = manifests()
    assert "HorizontalPodAutoscaler" not in rendered
    spec = rendered["ScaledObject"]["spec"]
    assert spec["scaleTargetRef"] == {
        "apiVersion": "internvl.dev/v1alpha1",
        "kind": "InternVLDeployment",
        "name": "captions",
    }
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (0, 4)
    assert spec["cooldownPeriod"] == spec["initialCooldownPeriod"] == 972
    (trigger,) = spec["triggers"]
    assert trigger["metadata"]["interceptorRoute"] == rendered["InterceptorRoute"]["metadata"]["name"]


@pytest.mark.parametrize(
    "spec", [{"suspend": True}, {"autoscaling": {"maxReplicas": 4}}, {"autoscaling": {}}]
)
def test_who_never_sleeps_has_neither(spec: dict[str, Any]) -> None:
    assert not {"InterceptorRoute", "ScaledObject"} & manifests(**spec).keys()


def test_a_gateway_leads_to_the_interceptor_and_waits_until_the_model_is_awake() -> None:
    parents = [{"name": "inference", "namespace": "gateways"}]
    rendered = manifests(gateway={"parentRefs": parents, "hostnames": ["captions.example.com"]})
    (rule,) = rendered["HTTPRoute"]["spec"]["rules"]
    (backend,) = rule["backendRefs"]
    assert (backend["name"], backend["namespace"]) == ("keda-add-ons-http-interceptor-proxy", "keda")
    assert backend["port"] == 8080
    assert rule["filters"] == [{"type": "URLRewrite", "urlRewrite": {"hostname": "captions.default"}}]
    assert "InferencePool" not in rendered, "which would lead past the interceptor"
    awake = manifests(gateway={"parentRefs": parents}, autoscaling={"maxReplicas": 4})["HTTPRoute"]
    waits = [each["timeouts"]["request"] for each in (rule, awake["spec"]["rules"][0])]
    assert waits == ["61m", "45m"]


def test_the_interceptor_that_all_namespaces_share_knows_a_resource_by_names_of_its_namespace_alone() -> None:
    gateway = {"parentRefs": [{"name": "no-such"}], "hostnames": ["captions.theirs", "*.svc.cluster.local"]}
    (rule,) = manifests(gateway=gateway)["InterceptorRoute"]["spec"]["rules"]
    assert rule["hosts"] == ["captions.default", "captions.default.svc", "captions.default.svc.cluster.local"]


def test_sleeping_is_no_reason_to_restart_pods() -> None:
    specs = [parse(resource({"size": "8B", "autoscaling": given})).spec for given in ({}, ASLEEP)]
    assert inputs_of(specs[0]) == inputs_of(specs[1])


def test_the_add_on_may_run_elsewhere_and_the_network_policy_lets_it_in_for_who_sleeps_alone() -> None:
    platform = parse_platform_defaults("kedaHttp: {namespace: scaling, scaler: 'scaler.other:1'}", "defaults")
    found = {}
    for name, autoscaling in (("asleep", ASLEEP), ("awake", {"maxReplicas": 4})):
        spec = {"size": "8B", "autoscaling": autoscaling}
        parsed = platform.applied_to(parse(resource(spec)))
        children = render_children(parsed, plan_of(spec), inputs_of(parsed.spec), platform=platform)
        found[name] = {child["kind"]: child for child in children.manifests}
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "scaling"}}}
    assert peer in found["asleep"]["NetworkPolicy"]["spec"]["ingress"][0]["from"]
    assert peer not in found["awake"]["NetworkPolicy"]["spec"]["ingress"][0]["from"]
    (trigger,) = found["asleep"]["ScaledObject"]["spec"]["triggers"]
    assert trigger["metadata"]["scalerAddress"] == "scaler.other:1"


async def test_at_zero_it_is_ready_and_says_how_it_wakes() -> None:
    world = World(CHILDREN)
    world.create(autoscaling=ASLEEP)
    await world.reconcile()
    asleep(world)
    await world.reconcile()
    world.serve(0)
    await world.reconcile()

    assert world.condition("Ready") == ("True", "ScaledToZero")
    assert world.condition("Stalled")[0] == "False"
    assert message(world) == (
        "0 replicas, wakes in about 871 s (770 s to download it and 101 s to load the model): send requests to "
        "http://keda-add-ons-http-interceptor-proxy.keda:8080/v1 with the header Host: captions.vision"
    )
    assert world.status["wake"] == {
        "endpoint": "http://keda-add-ons-http-interceptor-proxy.keda:8080/v1",
        "host": "captions.vision",
        "seconds": 871,
        "holdSeconds": 972,
        "cooldownSeconds": 972,
    }


async def test_at_zero_it_says_that_keda_cannot_scale_it() -> None:
    world = World(CHILDREN)
    world.create(autoscaling=ASLEEP)
    await world.reconcile()
    asleep(world, status="False", reason="TriggerError", message="no scaler at other:1")
    await world.reconcile()
    world.serve(0)
    await world.reconcile()
    assert world.condition("Ready") == ("True", "ScaledToZero")
    assert message(world).endswith("; KEDA cannot scale it now: no scaler at other:1")


async def test_a_write_of_keda_that_met_one_of_the_operator_is_not_told_as_it_is_tried_again() -> None:
    """As KEDA 2.21 reports it."""
    world = World(CHILDREN)
    world.create(autoscaling=ASLEEP)
    await world.reconcile()
    conflict = (
        "error activating ScaleTarget: Operation cannot be fulfilled on internvldeployments.internvl.dev "
        '"captions": the object has been modified; please apply your changes to the latest version and try again'
    )
    asleep(world, status="False", reason="ErrorScalingTarget", message=conflict)
    await world.reconcile()
    world.serve(0)
    await world.reconcile()
    assert world.condition("Ready") == ("True", "ScaledToZero")
    assert "KEDA cannot scale it" not in message(world)


async def test_while_it_wakes_it_says_how_long_requests_are_held() -> None:
    world = World(CHILDREN)
    world.create(autoscaling=ASLEEP)
    await world.reconcile()
    assert world.condition("Ready") == ("False", "Deploying")
    assert message(world) == "waking, requests are held for up to 972 s: 0 of 1 replicas answer"
    world.serve()
    await world.reconcile()
    assert message(world) == "1 of 1 replicas answer"


async def test_at_zero_without_keda_nothing_says_that_it_wakes() -> None:
    """A HorizontalPodAutoscaler leaves a resource at 0 alone."""
    world = World(CHILDREN)
    world.create(replicas=0, autoscaling={"maxReplicas": 4})
    await world.reconcile()
    world.serve(0)
    await world.reconcile()
    assert message(world) == (
        "0 replicas, as asked; no autoscaler starts the first replica again: write spec.replicas 1 for that"
    )
    assert "wake" not in world.status


async def test_what_scales_in_the_other_way_is_gone_before_its_successor_is_made() -> None:
    """KEDA's webhook refuses a ScaledObject beside a HorizontalPodAutoscaler on the same resource."""
    world = World(CHILDREN)
    for autoscaling, gone, made in (
        ({"maxReplicas": 4}, None, "HorizontalPodAutoscaler"),
        (ASLEEP, "HorizontalPodAutoscaler", "ScaledObject"),
        ({"maxReplicas": 4}, "ScaledObject", "HorizontalPodAutoscaler"),
    ):
        there = set(world.cluster.objects)
        original = world.cluster.apply

        async def apply(manifest: Any, *, uid: str | None, gone: Any = gone, original: Any = original) -> Any:
            if manifest["kind"] in ("HorizontalPodAutoscaler", "ScaledObject"):
                assert gone is None or (gone, KEY) not in world.cluster.objects
            return await original(manifest, uid=uid)

        world.cluster.apply = apply  # type: ignore[method-assign]
        if there:
            world.edit(autoscaling=autoscaling)
        else:
            world.create(autoscaling=autoscaling)
        await world.reconcile()
        world.cluster.apply = original  # type: ignore[method-assign]
        assert (made, KEY) in world.cluster.objects
        assert (gone, KEY) not in world.cluster.objects
    assert ("InterceptorRoute", KEY) not in world.cluster.objects


async def test_without_keda_the_autoscaler_that_is_there_stays_and_everything_else_is_done() -> None:
    world = World(KNOWN)
    world.create(autoscaling={"maxReplicas": 4})
    await world.reconcile()
    world.edit(autoscaling=ASLEEP)
    world.serve()
    assert await world.reconcile() is None

    assert world.condition("Stalled") == ("True", "ScaleToZeroUnavailable")
    assert "KEDA 2.21" in message(world)
    assert "HTTP add-on 0.15" in message(world)
    assert ("HorizontalPodAutoscaler", KEY) in world.cluster.objects
    assert world.condition("Available")[0] == "True"


@pytest.mark.parametrize("lacking", ["InterceptorRoute", "ScaledObject"])
async def test_half_of_keda_is_none(lacking: str) -> None:
    """A ScaledObject without the add-on's scaler would stop the autoscaler and scale nothing."""
    world = World({name: kind for name, kind in CHILDREN.items() if name != lacking})
    world.create(autoscaling={"maxReplicas": 4})
    await world.reconcile()
    gateway = {"parentRefs": [{"name": "inference"}], "balancing": "Service"}
    world.edit(autoscaling=ASLEEP, gateway=gateway)
    await world.reconcile()

    assert world.condition("Stalled") == ("True", "ScaleToZeroUnavailable")
    assert "wake" not in world.status
    made = {kind for kind, _ in world.cluster.objects}
    assert "HorizontalPodAutoscaler" in made
    assert not {"InterceptorRoute", "ScaledObject"} & made
    (rule,) = world.cluster.objects["HTTPRoute", KEY]["spec"]["rules"]
    assert [backend["name"] for backend in rule["backendRefs"]] == ["captions"]


def test_when_a_request_came_last_is_not_kept_of_a_scaled_object() -> None:
    """KEDA writes it every second while requests come: each would be a reconcile."""
    condition = {"type": "Ready", "status": "True", "reason": "Ok", "message": "fine"}
    states = [
        {"metadata": {}, "spec": {}, "status": {"lastActiveTime": second, "conditions": [condition]}}
        for second in ("12:00:00", "12:00:01")
    ]
    first, second = (kept(SCALED_OBJECT, state) for state in states)
    assert first == second
    assert first["status"] == {"conditions": [condition]}
    assert kept(SCALED_OBJECT, {"metadata": {}, "spec": {}})["status"] == {"conditions": []}
