"""The operator's chart, deployed by Argo CD: in sync, and gone without its CRD and its models."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.argocd.sync.applications import (
    CLIENT_SIDE,
    OPERATOR,
    SECONDS,
    SERVER_SIDE,
    Applications,
    Diff,
    Example,
)
from tests.cluster.operators.operator_process import resource
from tests.cluster.waiting import apply, eventually, get

if TYPE_CHECKING:
    from tests.cluster.control_plane import LocalCluster

CRD = "internvldeployments.internvl.dev"
# What no CRD of other projects is needed for.
VALUES = {
    "replicaCount": 2,
    "leaderElection": {"enabled": True},
    "admissionPolicy": {"enabled": True, "maxReplicas": 4},
}

pytestmark = [pytest.mark.argocd, pytest.mark.timeout(300)]


@pytest.mark.parametrize("values", [{}, VALUES], ids=["defaults", "more"])
@pytest.mark.parametrize("diff", [CLIENT_SIDE, SERVER_SIDE], ids=["client-side", "server-side"])
def test_the_chart_stays_in_sync_and_leaves_the_models_behind(
    diff: Diff, values: dict[str, object], applications: Applications, cluster: LocalCluster
) -> None:
    example = Example("internvl-operator", OPERATOR, diff, values)
    applications.apply(example)
    applications.wait_synced(example)
    for _ in range(3):
        applications.compare(example)
        assert applications.status(example)["sync"]["status"] == "Synced"
    apply(cluster, resource("captions", "default"))

    applications.delete(example)

    eventually(lambda: not applications.exists(example), "no Application", SECONDS)
    assert get(cluster, "deployment", example.name, example.name) is None
    assert get(cluster, "crd", CRD, "") is not None
    assert get(cluster, "ivl", "captions", "default") is not None


def test_the_crd_and_the_models_stay_when_the_chart_no_longer_holds_the_crd(
    applications: Applications, cluster: LocalCluster
) -> None:
    with_crd = Example("internvl-operator", OPERATOR, CLIENT_SIDE)
    applications.apply(with_crd)
    applications.wait_synced(with_crd)
    apply(cluster, resource("captions", "default"))

    without_crd = Example("internvl-operator", OPERATOR, CLIENT_SIDE, {"crds": {"enabled": False}})
    applications.apply(without_crd)

    eventually(
        lambda: (
            applications.status(without_crd)["sync"]["comparedTo"]["source"]["helm"]["valuesObject"]
            == without_crd.values
        ),
        "compared without the CRD",
        SECONDS,
    )
    applications.wait_synced(without_crd)
    assert get(cluster, "crd", CRD, "") is not None
    assert get(cluster, "ivl", "captions", "default") is not None
