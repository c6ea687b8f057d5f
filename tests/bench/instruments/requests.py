"""What the operator asked of the API server, as the API server itself counts it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from prometheus_client.parser import text_string_to_metric_families

from tests.cluster.operators.operator_process import USER

if TYPE_CHECKING:
    from collections.abc import Mapping

_BY_FLOW = "apiserver_flowcontrol_dispatched_requests_total"
_BY_RESOURCE = "apiserver_request_total"
_VERBS = {
    "operator-writes": ("create", "update", "patch", "delete", "deletecollection"),
    "operator-reads": ("get", "list"),
    "operator-watches": ("watch",),
}


def flow_schemas() -> list[dict[str, Any]]:
    """Return FlowSchemas of the operator's own: the API server counts its requests by them.

    They lead to the priority level that its requests belong to without them, so nothing else changes.
    """
    return [_flow_schema(name, verbs) for name, verbs in _VERBS.items()]


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests since the API server's start.

    Attributes:
        writes: of the operator.
        reads: of the operator: get and list.
        watches: watches that the operator began.
        written: writes by resource and verb, of everyone.
    """

    writes: int
    reads: int
    watches: int
    written: Mapping[str, int]

    def __sub__(self, earlier: Self) -> Requests:
        return Requests(
            self.writes - earlier.writes,
            self.reads - earlier.reads,
            self.watches - earlier.watches,
            dict(Counter(self.written) - Counter(earlier.written)),
        )


def parse_requests(metrics: str) -> Requests:
    """Return what an API server's metrics say, in Prometheus's text format."""
    flows: Counter[str] = Counter()
    written: Counter[str] = Counter()
    for name, labels, value in _samples(metrics):
        if name == _BY_FLOW:
            flows[labels["flow_schema"]] += value
        elif labels["verb"] not in ("GET", "LIST", "WATCH", "CONNECT"):
            subresource = f"/{labels['subresource']}" if labels["subresource"] else ""
            written[f"{labels['verb']} {labels['resource']}{subresource}"] += value
    return Requests(
        flows["operator-writes"], flows["operator-reads"], flows["operator-watches"], dict(written)
    )


def sum_of(metrics: str, name: str) -> float:
    """Return the sum of a metric's series, in Prometheus's text format."""
    return sum(map(float, re.findall(rf"^{name}(?:{{.*}})? (\S+)$", metrics, re.MULTILINE)))


def _samples(metrics: str) -> list[tuple[str, Mapping[str, str], int]]:
    wanted = (f"{_BY_FLOW}{{", f"{_BY_RESOURCE}{{")
    # The whole text is megabytes of histograms.
    lines = "\n".join(line for line in metrics.splitlines() if line.startswith(wanted))
    return [
        (sample.name, sample.labels, int(sample.value))
        for family in text_string_to_metric_families(lines + "\n")
        for sample in family.samples
    ]


def _flow_schema(name: str, verbs: tuple[str, ...]) -> dict[str, Any]:
    everything = {"apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"], "clusterScope": True}
    return {
        "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
        "kind": "FlowSchema",
        "metadata": {"name": name},
        "spec": {
            "matchingPrecedence": 500,
            "priorityLevelConfiguration": {"name": "global-default"},
            "distinguisherMethod": {"type": "ByUser"},
            "rules": [
                {
                    "subjects": [{"kind": "User", "user": {"name": USER}}],
                    "resourceRules": [{"verbs": list(verbs), **everything}],
                }
            ],
        },
    }
