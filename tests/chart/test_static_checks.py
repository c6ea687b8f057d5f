"""kube-score on every scenario: what it finds is mended, or explained here."""

from __future__ import annotations

import json

from tests.chart.helm.tools import CHART, SCENARIOS, run

EXPLAINED = {
    ("container-resources", "CPU limit is not set"): (
        "A CPU limit throttles the operator when many resources change at once; its request is its fair share."
    ),
    ("container-image-pull-policy", "ImagePullPolicy is not set to Always"): (
        "A release's tag never moves, and a digest pins it; Always would keep the operator from starting "
        "while the registry is away."
    ),
    ("pod-networkpolicy", "The pod does not have a matching egress NetworkPolicy"): (
        "The address of the API server is the cluster's own: networkPolicy.egress takes it."
    ),
    ("pod-networkpolicy", "The pod does not have a matching NetworkPolicy"): (
        "The pod of `helm test` listens on no port, and ends when it has asked once."
    ),
    ("deployment-replicas", "Deployment few replicas"): (
        "Models go on serving without the operator; replicaCount adds standbys."
    ),
    ("deployment-has-host-podantiaffinity", "Deployment does not have a host podAntiAffinity set"): (
        "affinity and topologySpreadConstraints are the cluster's choice; see ci/high-availability-values.yaml."
    ),
}


def test_every_finding_of_kube_score_is_explained_and_every_explanation_is_needed() -> None:
    found = {finding for values in SCENARIOS for finding in findings(str(values))}
    assert found == EXPLAINED.keys()


def findings(values: str) -> set[tuple[str, str]]:
    """Return the checks that do not pass, with what they say."""
    chart = run(
        "helm", "template", "internvl-operator", CHART, "--namespace", "internvl-system", "-f", values
    )
    arguments = ("score", "-", "--output-format", "json")
    report = json.loads(run("kube-score", *arguments, input=chart, exit_codes=(0, 1)))
    return {
        (check["check"]["id"], comment["summary"])
        for item in report
        for check in item["checks"]
        if not check["skipped"] and check["grade"] < 10
        for comment in check["comments"] or []
    }
