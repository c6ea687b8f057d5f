"""A model behind a Gateway: its route, what Gateways answer, and what the status says of it."""

from __future__ import annotations

from typing import Any

import pytest

from internvl_operator.api.gateway import GatewayReference
from internvl_operator.diagnosis.hostnames import Hostnames
from internvl_operator.diagnosis.routes import refusals
from internvl_operator.kube.kinds import BUILT_IN_CHILDREN, CHILDREN, HTTP_ROUTE
from internvl_operator.kube.objects import condition_of
from internvl_operator.kube.port import Key, KubernetesObject
from internvl_operator.manifests.drift import is_applied
from internvl_operator.manifests.labels import REVISION_LABEL
from internvl_operator.manifests.objects.gateway.httproute import request_timeout
from tests.rendering import children_of, plan_of
from tests.unit.pods import serving, unscheduled
from tests.unit.world import KEY, KNOWN, World

PARENT = {"name": "inference", "namespace": "gateways"}
ROUTED: dict[str, Any] = {"gateway": {"parentRefs": [PARENT], "hostnames": ["captions.example.com"]}}


def test_only_the_api_is_routed_and_only_where_a_gateway_is_named() -> None:
    (route,) = _of_kind("HTTPRoute", **ROUTED)
    (rule,) = route["spec"]["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/v1/"}}]
    assert route["spec"]["hostnames"] == ["captions.example.com"]
    assert _of_kind("HTTPRoute") == _of_kind("HTTPRoute", gateway={}) == []


def test_a_gateway_of_another_namespace_may_reach_the_server_and_the_picker() -> None:
    parents = [PARENT, {**PARENT, "sectionName": "https"}]
    policies = _of_kind("NetworkPolicy", gateway={"parentRefs": parents, "balancing": "InferencePool"})
    assert [policy["metadata"]["name"] for policy in policies] == ["captions", "captions-picker"]
    for policy in policies:
        assert policy["spec"]["ingress"][0]["from"] == [
            {"podSelector": {}},
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateways"}}},
        ]
    for policy in _of_kind(
        "NetworkPolicy", gateway={"parentRefs": [{"name": "inference"}], "balancing": "InferencePool"}
    ):
        assert policy["spec"]["ingress"][0]["from"] == [{"podSelector": {}}]


@pytest.mark.parametrize(("tokens", "timeout"), [(512, "13m"), (8192, "45m"), (32768, "147m")])
def test_no_timeout_cuts_the_longest_answer_of_a_session(tokens: int, timeout: str) -> None:
    assert request_timeout(plan_of({"size": "8B", "engine": {"sessionLen": tokens}})) == timeout


def test_two_parents_of_one_name_are_not_taken_for_one() -> None:
    parents = [{"name": "inference", "namespace": name} for name in ("east", "west")]
    (route,) = _of_kind("HTTPRoute", gateway={"parentRefs": parents})
    assert is_applied(route, route)
    edited = {**route, "spec": {**route["spec"], "parentRefs": route["spec"]["parentRefs"][::-1]}}
    assert not is_applied(route, edited)


def _of_kind(kind: str, **spec: Any) -> list[KubernetesObject]:
    return [child for child in children_of({"size": "8B", **spec}) if child["kind"] == kind]


def _condition(type_: str, status: str, reason: str, message: str = "") -> dict[str, Any]:
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": 2,
    }


ACCEPTED = _condition("Accepted", "True", "Accepted")


def _refused(*conditions: dict[str, Any], **parent: Any) -> list[str]:
    answer = {"parentRef": {"name": "inference", "namespace": "gateways", **parent}, "conditions": conditions}
    route = {"metadata": {"namespace": "vision", "generation": 2}, "status": {"parents": [answer]}}
    return refusals(route, [GatewayReference(name="inference", namespace="gateways")])


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ([ACCEPTED, _condition("ResolvedRefs", "True", "ResolvedRefs")], []),
        (
            [_condition("Accepted", "False", "NotAllowedByListeners")],
            [
                "Gateway gateways/inference refuses the route (NotAllowedByListeners): none of its listeners admits "
                "routes of namespace vision: select the namespace in listeners.allowedRoutes of the Gateway"
            ],
        ),
        (
            [_condition("Accepted", "False", "NoMatchingListenerHostname")],
            [
                "Gateway gateways/inference refuses the route (NoMatchingListenerHostname): none of its listeners has "
                "one of gateway.hostnames: change one of the two"
            ],
        ),
        (
            [ACCEPTED, _condition("ResolvedRefs", "False", "InvalidKind")],
            [
                "Gateway gateways/inference refuses the route (InvalidKind): its controller knows no InferencePools: "
                "write gateway.balancing Service"
            ],
        ),
        (
            [_condition("Accepted", "False", "Pending", "waiting for an address")],
            ["Gateway gateways/inference refuses the route (Pending): waiting for an address"],
        ),
        # Of the route as it was before.
        ([{**_condition("Accepted", "False", "NoMatchingParent"), "observedGeneration": 1}], []),
    ],
)
def test_what_a_gateway_refuses_is_said_with_what_to_do(
    conditions: list[dict[str, Any]], said: list[str]
) -> None:
    assert _refused(*conditions) == said


@pytest.mark.parametrize("parent", [{"name": "other"}, {"namespace": "vision"}, {"sectionName": "https"}])
def test_a_gateway_that_has_not_answered_is_named(parent: dict[str, str]) -> None:
    silent = [
        "Gateway gateways/inference has not answered: it does not exist, or its controller does not run"
    ]
    assert _refused(ACCEPTED, **parent) == silent


def test_before_there_is_a_route_nothing_is_missed() -> None:
    assert refusals(None, [GatewayReference(name="inference")]) == []


class TestSharedHostnames:
    @pytest.fixture
    def told(self) -> list[str]:
        """The names of the resources that are to be reconciled again."""
        return []

    @pytest.fixture
    def hostnames(self, told: list[str]) -> Hostnames:
        return Hostnames(resources=list, requeue=lambda key: told.append(key.name))

    def test_both_resources_are_told_until_one_lets_the_hostname_go(
        self, hostnames: Hostnames, told: list[str]
    ) -> None:
        assert hostnames.shared(asking("one", "a.example", "b.example")) == []
        assert hostnames.shared(asking("one", "a.example", "b.example")) == [], "it is not in its own way"
        (said,) = hostnames.shared(asking("two", "b.example", namespace="other"))
        assert said == (
            "vision/one has hostname b.example at Gateway gateways/inference too, and one of the two gets all "
            "requests: write other gateway.hostnames"
        )
        assert told == ["one"]
        assert len(hostnames.shared(asking("one", "a.example", "b.example"))) == 1
        assert told == ["one"], "what has not changed is no news"
        assert hostnames.shared(asking("one", "a.example")) == []
        assert told == ["one", "two"]
        assert hostnames.shared(asking("two", "b.example", namespace="other")) == []

    def test_every_hostname_is_shared_with_who_asks_for_every_hostname(
        self, hostnames: Hostnames, told: list[str]
    ) -> None:
        hostnames.shared(asking("all"))
        assert "vision/all has every hostname" in hostnames.shared(asking("too"))[0]
        hostnames.forget(Key("vision", "all"))
        assert told == ["all", "too"]
        assert hostnames.shared(asking("too")) == []

    @pytest.mark.parametrize(
        ("one", "other", "is_shared"),
        [("public", "internal", False), ("public", "public", True), ("public", "", True), ("", "", True)],
    )
    def test_two_listeners_share_nothing(
        self, hostnames: Hostnames, one: str, other: str, is_shared: bool
    ) -> None:
        hostnames.shared(asking("one", "a.example", listener=one))
        assert bool(hostnames.shared(asking("two", "a.example", listener=other))) is is_shared

    def test_a_start_knows_what_the_others_ask_for_before_it_looks_at_the_first(
        self, told: list[str]
    ) -> None:
        both = [asking("one", "a.example"), asking("two", "a.example")]
        hostnames = Hostnames(resources=lambda: both, requeue=lambda key: told.append(key.name))
        assert len(hostnames.shared(both[0])) == 1
        assert told == []

    def test_however_many_share_a_hostname_one_more_concerns_the_first_alone(
        self, hostnames: Hostnames, told: list[str]
    ) -> None:
        many = [
            asking(f"model-{number:03}", "a.example", created=f"2026-01-01T00:{99 - number:02}:00Z")
            for number in reversed(range(100))
        ]
        for body in many:
            hostnames.shared(body)
            hostnames.shared(many[0])
        assert told == ["model-099"]

        hostnames.forget(Key("vision", "model-050"))
        assert told == ["model-099"], "nobody was told of that one"

    def test_who_was_told_of_one_that_is_gone_is_told_of_the_oldest_that_is_left(
        self, hostnames: Hostnames, told: list[str]
    ) -> None:
        oldest, old, young = (
            asking(name, "a.example", created=f"2026-01-0{day}T00:00:00Z")
            for day, name in enumerate(("zebra", "yak", "ant"), 1)
        )
        for body in (oldest, old, young):
            hostnames.shared(body)
        assert "vision/zebra has" in hostnames.shared(young)[0]
        told.clear()
        hostnames.forget(Key("vision", "zebra"))
        assert sorted(told) == ["ant", "yak"]
        assert "vision/yak has" in hostnames.shared(young)[0]

    def test_a_resource_with_more_hostnames_than_the_schema_takes_asks_for_nothing(
        self, hostnames: Hostnames
    ) -> None:
        many = [f"h{number}.example" for number in range(17)]
        hostnames.shared(asking("one", *many))
        assert hostnames.shared(asking("two", *many)) == []
        hostnames.shared(asking("one", *many[:16]))
        assert len(hostnames.shared(asking("two", *many[:16]))) == 16

    def test_a_resource_that_cannot_be_read_asks_for_nothing(self, hostnames: Hostnames) -> None:
        broken = {
            "metadata": {"name": "one", "namespace": "vision"},
            "spec": {"gateway": {"parentRefs": ["x"]}},
        }
        assert hostnames.shared(broken) == []


def asking(
    name: str, *hostnames: str, namespace: str = "vision", listener: str = "", created: str = ""
) -> dict[str, Any]:
    """Return a resource that asks for hostnames at a Gateway."""
    parent = {**PARENT, "sectionName": listener} if listener else PARENT
    gateway = {"parentRefs": [parent], "hostnames": [*hostnames]}
    metadata = {"name": name, "namespace": namespace, "creationTimestamp": created}
    return {"metadata": metadata, "spec": {"gateway": gateway}}


async def test_without_the_kind_everything_else_is_made_and_the_status_names_what_to_install() -> None:
    world = World()
    assert KNOWN.keys() == {kind.kind for kind in BUILT_IN_CHILDREN}
    world.create(**ROUTED)
    await world.reconcile()
    world.serve()
    await world.reconcile()
    assert {child["kind"] for child in world.cluster.applied} == {"NetworkPolicy", "Service", "Deployment"}
    assert world.condition("Stalled") == ("True", "GatewayUnavailable")
    assert world.condition("Available")[0] == "True"
    assert "install the CRDs of the Gateway API" in _message(world)


async def test_what_gateways_answer_is_read_into_the_message_of_ready() -> None:
    world = World({name: kind for name, kind in CHILDREN.items() if name != "InferencePool"})
    world.create(**ROUTED)
    await world.reconcile()
    world.serve()
    await world.reconcile()
    silent = "Gateway gateways/inference has not answered: it does not exist, or its controller does not run"
    assert _message(world) == f"1 of 1 replicas answer; {silent}"
    assert world.condition("Ready") == ("True", "Ready")

    accepted = {"parentRef": PARENT, "conditions": [{**ACCEPTED, "observedGeneration": 1}]}
    world.cache.put(HTTP_ROUTE, world.cluster.edit("HTTPRoute", KEY, status={"parents": [accepted]}))
    await world.reconcile()
    assert _message(world) == "1 of 1 replicas answer"


async def test_the_route_goes_with_its_section() -> None:
    world = World(CHILDREN)
    world.create(**ROUTED)
    await world.reconcile()
    assert ("HTTPRoute", KEY) in world.cluster.objects
    world.edit()
    await world.reconcile()
    assert ("HTTPRoute", KEY) not in world.cluster.objects


def _message(world: World) -> str:
    found = condition_of(world.status, "Ready")
    assert found is not None
    return str(found["message"])


class TestAGatewayThatTheClusterLacks:
    """It holds up nothing else, and hides nothing."""

    @pytest.fixture
    async def world(self) -> World:
        world = World()
        world.create(**ROUTED)
        await world.reconcile()
        return world

    async def test_what_keeps_the_pods_from_being_ready_is_said_first(self, world: World) -> None:
        world.observe(unscheduled("0/1 nodes are available: 1 Insufficient nvidia.com/gpu."))
        await world.reconcile()
        assert world.condition("Ready") == ("False", "WaitingForGPU")
        assert world.condition("Stalled")[0] == "False"

    async def test_a_rollout_without_free_gpus_is_looked_at_again(self, world: World) -> None:
        world.serve()
        world.edit(**ROUTED, engine={"env": [{"name": "A", "value": "1"}]})
        await world.reconcile()
        template = world.cluster.objects["Deployment", KEY]["spec"]["template"]
        new = unscheduled("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.", name="new")
        new["metadata"]["labels"][REVISION_LABEL] = template["metadata"]["labels"][REVISION_LABEL]
        world.observe(serving("old"), new)
        assert await world.reconcile() == 300.0
