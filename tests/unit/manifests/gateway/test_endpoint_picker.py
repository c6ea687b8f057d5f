"""The InferencePool of a model behind a Gateway, and the endpoint picker that chooses among its replicas."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from internvl_operator.api.parsing import parse
from internvl_operator.api.platform_defaults import parse_platform_defaults
from internvl_operator.kube.cache import resource_key
from internvl_operator.kube.kinds import CHILDREN, DEPLOYMENT, INFERENCE_POOL
from internvl_operator.kube.objects import condition_of
from internvl_operator.kube.port import Key, KubernetesObject
from internvl_operator.manifests.objects.gateway.endpoint_picker import endpoint_picker
from tests.rendering import children_of
from tests.unit.world import KEY, World

PICKER = Key(KEY.namespace, "captions-picker")
PARENT = {"name": "inference", "namespace": "gateways"}
GATEWAY_ALONE: dict[str, Any] = {"parentRefs": [PARENT], "hostnames": ["captions.example.com"]}
GATEWAY: dict[str, Any] = {**GATEWAY_ALONE, "balancing": "InferencePool"}
ROUTED: dict[str, Any] = {"gateway": GATEWAY}
WITHOUT_POOLS = {name: kind for name, kind in CHILDREN.items() if name != "InferencePool"}


async def test_a_pool_that_is_not_served_is_said_and_the_route_goes_to_the_service() -> None:
    world = World(WITHOUT_POOLS)
    world.create(**ROUTED)
    await world.reconcile()
    assert world.condition("Stalled") == ("True", "GatewayUnavailable")
    assert "install the CRDs of the Gateway API's inference extension" in _message(world)
    assert _backend(world) == "Service"


@pytest.mark.parametrize(
    ("spec", "backend"),
    [
        (ROUTED, "InferencePool"),
        ({"gateway": {**GATEWAY, "balancing": "Service"}}, "Service"),
        ({"gateway": {**GATEWAY, "balancing": "Auto"}}, "Service"),
        ({"gateway": GATEWAY_ALONE}, "Service"),
    ],
)
async def test_the_route_goes_to_the_pool_where_it_is_asked_for(spec: dict[str, Any], backend: str) -> None:
    world = World(CHILDREN)
    world.create(**spec)
    await world.reconcile()
    assert _backend(world) == backend
    assert (("InferencePool", KEY) in world.cluster.objects) == (backend == "InferencePool")
    assert (("Deployment", PICKER) in world.cluster.objects) == (backend == "InferencePool")


async def test_the_picker_goes_with_the_pool_and_the_model_stays() -> None:
    world = World(CHILDREN)
    world.create(**ROUTED)
    await world.reconcile()
    parts = {("Deployment", PICKER), ("Service", PICKER), ("NetworkPolicy", PICKER), ("InferencePool", KEY)}
    assert parts <= world.cluster.objects.keys()
    world.edit(gateway={**GATEWAY, "balancing": "Service"})
    await world.reconcile()
    assert set(world.cluster.deleted) == parts
    assert {("Deployment", KEY), ("Service", KEY), ("NetworkPolicy", KEY)} <= world.cluster.objects.keys()


async def test_a_change_of_the_picker_is_a_matter_of_its_resource() -> None:
    world = World(CHILDREN)
    world.create(**ROUTED)
    await world.reconcile()
    picker = world.cluster.objects["Deployment", PICKER]
    assert resource_key(DEPLOYMENT, picker) == KEY
    nobodys = {**picker, "metadata": {**picker["metadata"], "ownerReferences": []}}
    assert resource_key(DEPLOYMENT, nobodys) == KEY


async def test_a_strangers_object_in_the_place_of_the_picker_is_named_and_left_alone() -> None:
    world = World(CHILDREN)
    theirs = world.cluster.create(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": PICKER.name, "namespace": "vision"},
        }
    )
    world.create(**ROUTED)
    await world.reconcile()
    assert world.condition("Stalled") == ("True", "NameConflict")
    assert "a Deployment named captions-picker exists and is not this resource's" in _message(world)
    assert world.cluster.objects["Deployment", PICKER] == theirs


def test_the_pods_of_the_picker_are_no_replicas() -> None:
    service, of_picker = _of_kind("Service")
    model, picker = (
        child["spec"]["template"]["metadata"]["labels"].items() for child in _of_kind("Deployment")
    )
    assert service["spec"]["selector"].items() <= model
    assert not service["spec"]["selector"].items() <= picker
    assert of_picker["spec"]["selector"].items() <= picker
    assert not of_picker["spec"]["selector"].items() <= model


@pytest.mark.parametrize(
    ("engine", "has_affinity"),
    [
        ({}, False),
        ({"prefixCaching": "Disabled"}, False),
        ({"prefixCaching": "Enabled"}, True),
        ({"extraArgs": ["--enable-prefix-caching"]}, True),
    ],
)
def test_replicas_are_picked_by_what_they_have_cached_exactly_where_prefixes_are(
    engine: dict[str, Any], has_affinity: bool
) -> None:
    model, picker = _of_kind("Deployment", engine=engine)
    scorers = {scorer["pluginRef"] for scorer in _config(picker)["schedulingProfiles"][0]["plugins"]}
    assert scorers == {"token-load-scorer"} | ({"prefix-cache-scorer"} if has_affinity else set())
    args = model["spec"]["template"]["spec"]["containers"][0]["args"]
    assert args.count("--enable-prefix-caching") == has_affinity


@pytest.mark.parametrize("server", [{}, {"apiKeySecretRef": {"name": "keys", "key": "key"}}])
def test_the_picker_scrapes_nothing_and_needs_no_api_key(server: dict[str, Any]) -> None:
    _, picker = _of_kind("Deployment", server=server)
    (source,) = _config(picker)["dataLayer"]["sources"]
    assert source == {"pluginRef": "endpoint-notification-source", "extractors": []}
    assert not any("metrics" in plugin["type"] for plugin in _config(picker)["plugins"])
    assert "secret" not in str(picker).lower()


def test_the_picker_meets_the_restricted_standard_and_takes_the_installations_image() -> None:
    parsed = parse({"metadata": {"name": "captions"}, "spec": {"size": "8B", **ROUTED}})
    platform = parse_platform_defaults("endpointPicker: {image: 'registry.example.com/epp:v1'}", "file")
    picker = endpoint_picker(parsed, platform)["spec"]["template"]["spec"]
    (container,) = picker["containers"]
    assert container["image"] == "registry.example.com/epp:v1"
    assert picker["securityContext"]["runAsNonRoot"]
    assert picker["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert picker["serviceAccountName"] == "internvl-endpoint-picker"


@pytest.mark.parametrize(
    ("rollout", "seconds"), [({}, 70), ({"drainSeconds": 600}, 610), ({"drainSeconds": 0}, 10)]
)
def test_a_picker_that_is_replaced_lives_as_long_as_a_server_that_answers_and_30_s_more_to_end(
    rollout: dict[str, Any], seconds: int
) -> None:
    """Requests and answers pass through it to their last byte."""
    model, picker = (
        manifest["spec"]["template"]["spec"] for manifest in _of_kind("Deployment", rollout=rollout)
    )
    assert model["terminationGracePeriodSeconds"] == seconds
    assert picker["containers"][0]["lifecycle"] == {"preStop": {"sleep": {"seconds": seconds}}}
    assert picker["terminationGracePeriodSeconds"] == seconds + 30


async def test_a_picker_that_does_not_run_is_told_with_what_to_do() -> None:
    world = World(CHILDREN)
    world.create(**ROUTED)
    await world.reconcile()
    world.serve()
    missing = 'pods "captions-picker-1" is forbidden: serviceaccount "internvl-endpoint-picker" not found'
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": missing}
    _report(world, picker={"conditions": [failure]})
    await world.reconcile()
    assert _message(world).endswith(
        f"requests are spread without it: {missing}; the administrator makes it with the chart's value "
        "endpointPicker.namespaces"
    )
    assert world.condition("Ready") == ("True", "Ready")

    _report(world, picker={"availableReplicas": 1})
    await world.reconcile()
    assert "endpoint picker" not in _message(world)


async def test_what_a_gateway_says_of_the_pool_is_told() -> None:
    world = World(CHILDREN)
    world.create(**ROUTED)
    await world.reconcile()
    world.serve()
    refused = {
        "type": "ResolvedRefs",
        "status": "False",
        "reason": "InvalidExtensionRef",
        "message": "no such Service",
        "observedGeneration": 1,
    }
    _report(world, pool={"parents": [{"parentRef": PARENT, "conditions": [refused]}]})
    await world.reconcile()
    said = "Gateway gateways/inference refuses the InferencePool (InvalidExtensionRef): no such Service"
    assert said in _message(world)


def _report(
    world: World, *, picker: dict[str, Any] | None = None, pool: dict[str, Any] | None = None
) -> None:
    """Let controllers write statuses."""
    if picker is not None:
        world.cache.put(DEPLOYMENT, world.cluster.edit("Deployment", PICKER, status=picker))
    if pool is not None:
        world.cache.put(INFERENCE_POOL, world.cluster.edit("InferencePool", KEY, status=pool))


def _of_kind(kind: str, **spec: Any) -> list[KubernetesObject]:
    """The model's object and the picker's."""
    return [child for child in children_of({"size": "8B", **ROUTED, **spec}) if child["kind"] == kind]


def _config(picker: KubernetesObject) -> dict[str, Any]:
    (container,) = picker["spec"]["template"]["spec"]["containers"]
    text = next(argument for argument in container["args"] if argument.startswith("--config-text="))
    config: dict[str, Any] = yaml.safe_load(text.removeprefix("--config-text="))
    return config


def _backend(world: World) -> str:
    (backend,) = world.cluster.objects["HTTPRoute", KEY]["spec"]["rules"][0]["backendRefs"]
    assert backend["name"] == "captions"
    return str(backend["kind"])


def _message(world: World) -> str:
    found = condition_of(world.status, "Ready")
    assert found is not None
    return str(found["message"])
