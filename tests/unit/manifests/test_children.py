"""The table of the kinds of children, from which rendering and the order of writes follow."""

from __future__ import annotations

import pytest

from internvl_operator.api.parsing import parse
from internvl_operator.kube.kinds import CHILDREN
from internvl_operator.kube.port import ForbiddenError, KubernetesObject
from internvl_operator.manifests.child_kind import Wave
from internvl_operator.manifests.children import CHILD_KINDS, render_children
from internvl_operator.manifests.record import inputs_of
from tests.cluster.specs.right import RICH
from tests.cluster.specs.table import resource
from tests.rendering import children_of, plan_of
from tests.unit.world import World

EVERY: dict[str, object] = {
    "size": "8B",
    "replicas": 2,
    "autoscaling": {"maxReplicas": 4},
    "gateway": {"parentRefs": [{"name": "inference", "namespace": "gateways"}], "balancing": "InferencePool"},
    "model": {"cache": {"size": "100Gi", "storageClassName": "shared", "accessMode": "ReadWriteMany"}},
}
SLEEPING = {
    **EVERY,
    "autoscaling": {"minReplicas": 0, "maxReplicas": 4},
    "gateway": {"parentRefs": [{"name": "inference"}]},
}


def test_a_spec_can_ask_for_every_kind_and_each_manifest_is_of_the_kind_in_its_row() -> None:
    """Two specs in fact: what scales to zero and what does not exclude each other."""
    rendered = [[(child["apiVersion"], child["kind"]) for child in children_of(s)] for s in (EVERY, SLEEPING)]
    rows = [(kind.api_version, kind.kind) for kind in CHILD_KINDS]
    for kinds in rendered:
        rest = iter(rows)
        assert all(kind in rest for kind in kinds), "in the order of the rows"
    assert {*rendered[0], *rendered[1]} == set(rows)


@pytest.mark.parametrize("spec", [EVERY, SLEEPING, RICH, {"size": "1B"}])
def test_each_child_is_in_one_wave(spec: dict[str, object]) -> None:
    parsed = parse(resource(spec))
    children = render_children(parsed, plan_of(spec), inputs_of(parsed.spec))
    in_waves = [child for wave in Wave for child in children.in_wave(wave)]
    assert len(in_waves) == len(children.manifests)
    assert all(child in in_waves for child in children.manifests)


def test_a_kind_that_the_cluster_lacks_is_rendered_only_if_its_absence_has_to_be_told() -> None:
    parsed = parse(resource(SLEEPING))
    served = CHILDREN.keys() - {"PodMonitor", "ScaledObject"}
    children = render_children(parsed, plan_of(SLEEPING), inputs_of(parsed.spec), served=served)
    kinds = {child["kind"] for child in children.manifests}
    assert "PodMonitor" not in kinds
    assert "ScaledObject" in kinds, "of which the status says what to install"


async def test_the_first_wave_is_written_before_the_second_begins() -> None:
    world = World(CHILDREN)
    first = [kind.kind for kind in CHILD_KINDS if kind.wave is Wave.BEFORE_PODS]
    world.create(**EVERY)
    await world.reconcile()
    kinds = [child["kind"] for child in world.cluster.applied]
    assert sorted(kinds[: len(first)]) == sorted(first)
    assert kinds[len(first)] == "Deployment"
    assert set(kinds) == CHILDREN.keys() - {"InterceptorRoute", "ScaledObject"}


@pytest.mark.parametrize("kind", [kind.kind for kind in CHILD_KINDS if kind.wave is Wave.BEFORE_PODS])
async def test_no_pods_are_made_while_a_child_that_they_need_is_forbidden(kind: str) -> None:
    world = World(CHILDREN)
    original = world.cluster.apply

    async def forbid(manifest: KubernetesObject, *, uid: str | None) -> KubernetesObject:
        if manifest["kind"] == kind:
            raise ForbiddenError("exceeded quota")
        return await original(manifest, uid=uid)

    world.cluster.apply = forbid  # type: ignore[assignment, method-assign]
    world.create(**EVERY)
    with pytest.raises(ForbiddenError):
        await world.reconcile()
    assert "Deployment" not in {child["kind"] for child in world.cluster.applied}
    assert world.condition("Ready") == ("False", "Forbidden")
