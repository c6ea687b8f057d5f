"""Kinds that the cluster lacks: whoever asks for one is told what to install, and everything else is done."""

from __future__ import annotations

import pytest

from internvl_operator.api.reasons import Reason
from internvl_operator.kube.kinds import CHILDREN
from internvl_operator.manifests.children import ABSENCES
from internvl_operator.problem import Problem
from tests.unit.world import World

ABSENCE = Problem(Reason.REJECTED, "install the thing", holds_up_others=False)


@pytest.fixture
def absence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ABSENCES, "PodMonitor", ABSENCE)


@pytest.mark.usefixtures("absence")
async def test_who_asks_for_a_missing_kind_is_told_and_gets_everything_else() -> None:
    world = World()
    world.create()
    await world.reconcile()
    world.serve()
    await world.reconcile()

    assert world.condition("Ready") == ("False", ABSENCE.reason)
    assert world.condition("Stalled") == ("True", ABSENCE.reason)
    assert world.condition("Available")[0] == "True"
    assert "Deployment" in {child["kind"] for child in world.cluster.applied}


@pytest.mark.usefixtures("absence")
@pytest.mark.parametrize(
    ("kinds", "spec"), [(CHILDREN, {}), ({}, {"monitoring": {"podMonitor": "Disabled"}})]
)
async def test_who_asks_for_none_or_has_it_hears_nothing(
    kinds: dict[str, object], spec: dict[str, object]
) -> None:
    world = World(CHILDREN) if kinds else World()
    world.create(**spec)
    await world.reconcile()
    assert world.condition("Stalled") == ("False", "NotStalled")
