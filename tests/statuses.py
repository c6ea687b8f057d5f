"""Statuses as the controller writes them, one for each kind of end."""

from __future__ import annotations

from typing import Any

from internvl_operator.api.lifecycle import KedaHttp
from internvl_operator.api.parsing import parse
from internvl_operator.desired import Desired
from internvl_operator.manifests.children import Children
from internvl_operator.manifests.objects.keda.wake import sleeps, wake_of
from internvl_operator.manifests.revision import Update
from internvl_operator.manifests.rollout import Strategy
from internvl_operator.observed import Observed
from internvl_operator.planner.load.speed_of_plan import with_speed
from internvl_operator.planner.nodes.inventory import inventory_for
from internvl_operator.planner.plan import make_plan
from internvl_operator.planner.request import request_of
from internvl_operator.problem import Problem
from internvl_operator.status import Status, status_of
from tests.cluster.specs.right import RICH
from tests.cluster.specs.table import Spec, resource
from tests.rendering import nodes_for

NOW = "2026-11-22T12:00:00Z"
SLEEPING: Spec = {"size": "8B", "autoscaling": {"minReplicas": 0, "maxReplicas": 2}}
TOO_LARGE: Spec = {"size": "76B", "quantization": "None", "gpu": {"maxCount": 1}}


def _status(
    spec: Spec | None = None,
    problem: Problem | None = None,
    deployment: dict[str, Any] | None = None,
    update: Update | None = None,
) -> Status:
    parsed = parse(resource(spec)) if spec is not None else None
    request = request_of(parsed.spec) if parsed else None
    plan = make_plan(request, inventory_for(request.gpu, nodes_for(request.gpu))) if request else None
    if request and plan:
        plan = with_speed(plan, request)
    wake = wake_of(parsed, plan, KedaHttp()) if parsed and plan and sleeps(parsed) else None
    children = (
        Children((), plan, "0123456789abcdef", Strategy.SURGE, update, wake)
        if parsed and plan and deployment
        else None
    )
    body = {"metadata": {"generation": 3}}
    return status_of(
        Desired(resource=parsed, plan=plan, children=children),
        Observed(body=body, deployment=deployment),
        problem,
        previous={},
        now=NOW,
    )


def _deployment(replicas: int, ready: int, *conditions: dict[str, str]) -> dict[str, Any]:
    return {
        "metadata": {"name": "captions", "generation": 1},
        "status": {
            "observedGeneration": 1,
            "replicas": replicas,
            "updatedReplicas": replicas,
            "readyReplicas": ready,
            "conditions": list(conditions),
        },
    }


_LATE = {
    "type": "Progressing",
    "status": "False",
    "reason": "ProgressDeadlineExceeded",
    "message": 'ReplicaSet "captions-1" has timed out progressing.',
}

STATUSES: dict[str, Status] = {
    "not yet deployed": _status({"size": "8B"}),
    "suspended": _status({"size": "8B", "suspend": True}, deployment=_deployment(0, 0)),
    "stopping": _status({"size": "8B", "suspend": True}, deployment=_deployment(1, 1)),
    "an update waits": _status(
        {"size": "8B"},
        deployment=_deployment(1, 1),
        update=Update("fedcba9876543210", ("spec.containers[lmdeploy].image: a -> b",)),
    ),
    "deploying": _status({"size": "8B"}, deployment=_deployment(1, 0)),
    "late": _status({"size": "8B"}, deployment=_deployment(1, 0, _LATE)),
    "ready": _status({"size": "8B"}, deployment=_deployment(1, 1)),
    "ready, every field of the spec given": _status(RICH, deployment=_deployment(2, 2)),
    "one of two replicas ready": _status({"size": "8B", "replicas": 2}, deployment=_deployment(2, 1)),
    "scaled to zero": _status({"size": "40B", "replicas": 0}, deployment=_deployment(0, 0)),
    "asleep": _status({**SLEEPING, "replicas": 0}, deployment=_deployment(0, 0)),
    "waking": _status(SLEEPING, deployment=_deployment(1, 0)),
    "not understood": _status(problem=Problem("InvalidSpec", "spec.flavour: Extra inputs are not permitted")),
    "does not fit": _status(TOO_LARGE, Problem("DoesNotFit", "out of memory", retry_after=60.0)),
    "a name conflict while another Deployment runs": _status(
        {"size": "8B"}, Problem("NameConflict", "taken")
    ),
    "a wrong spec while the right one before it serves": _status(
        {"size": "8B"}, Problem("Rejected", "no such flag: --log-levle"), _deployment(1, 1)
    ),
    "waiting": _status({"size": "8B"}, Problem("WaitingForDeletion", "of the old")),
}
