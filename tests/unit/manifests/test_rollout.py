"""Which pods of a rollout stop before others start."""

from __future__ import annotations

import pytest

from internvl_operator.api.parsing import parse
from internvl_operator.manifests.children import Children, render_children
from internvl_operator.manifests.record import inputs_of
from internvl_operator.manifests.rollout import Strategy, terminate_first_revision
from tests.cluster.specs.table import Spec, at, resource
from tests.rendering import plan_of


def _children(spec: Spec, terminate_first: str | None = None) -> Children:
    parsed = parse(resource(spec))
    return render_children(parsed, plan_of(spec), inputs_of(parsed.spec), terminate_first=terminate_first)


def _rolling_update(children: Children) -> object:
    deployment = next(child for child in children.manifests if child["kind"] == "Deployment")
    return deployment["spec"]["strategy"]


@pytest.mark.parametrize(
    ("strategy", "surge", "unavailable"), [("Auto", 1, 0), ("Surge", 1, 0), ("Recreate", 0, "100%")]
)
def test_each_strategy_is_a_rolling_update_of_its_own(
    strategy: str, surge: int, unavailable: int | str
) -> None:
    assert _rolling_update(_children(at("rollout.strategy", strategy))) == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable},
    }


def test_a_revision_without_room_stops_old_pods_first_and_remembers_it() -> None:
    revision = _children({"size": "8B"}).revision
    children = _children({"size": "8B"}, terminate_first=revision)
    assert children.strategy is Strategy.TERMINATE_FIRST
    assert children.revision == revision
    assert _rolling_update(children) == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
    }
    deployment = next(child for child in children.manifests if child["kind"] == "Deployment")
    assert terminate_first_revision(deployment) == revision


def test_the_next_revision_surges_again() -> None:
    earlier = _children({"size": "8B"}).revision
    children = _children(at("engine.sessionLen", 4096), terminate_first=earlier)
    assert children.strategy is Strategy.SURGE
    deployment = next(child for child in children.manifests if child["kind"] == "Deployment")
    assert terminate_first_revision(deployment) is None


@pytest.mark.parametrize("strategy", ["Surge", "Recreate"])
def test_only_auto_changes_its_mind(strategy: str) -> None:
    spec = at("rollout.strategy", strategy)
    assert _children(spec, terminate_first=_children(spec).revision).strategy.value == strategy


def test_a_claim_of_one_node_stops_old_pods_first_only_while_the_spec_has_it() -> None:
    one_node = _children(at("model.cache.size", "100Gi"))
    assert one_node.strategy is Strategy.TERMINATE_FIRST
    deployment = next(child for child in one_node.manifests if child["kind"] == "Deployment")
    assert terminate_first_revision(deployment) is None
    shared = at("model.cache", {"size": "100Gi", "accessMode": "ReadWriteMany"})
    assert _children(shared, terminate_first_revision(deployment)).strategy is Strategy.SURGE
