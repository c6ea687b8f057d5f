"""Every right of the operator, what for, and a test on the real API server that fails without it.

Why: docs/design/007-no-right-on-secrets.md
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from internvl_operator.manifests.child_kind import ChildKind
from internvl_operator.manifests.children import CHILD_KINDS
from tests.cluster.operators.rights import chart_rules

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "administrator.md"
OPENING = "<!-- the rights, written by make rbac -->\n"
CLOSING = "<!-- end of the rights -->\n"

_READY = "lifecycle/test_reconcile.py::test_a_resource_becomes_ready_with_plan_endpoint_and_conditions"
_LIFE = (
    "lifecycle/test_life.py::"
    "test_only_the_steps_that_must_restart_pods_do_and_each_object_is_written_once_in_a_step"
)
_MONITORED = "features/test_pod_monitor.py::test_the_pods_are_scraped_with_the_key_that_clients_use"
_ROUTED = "features/test_gateway.py::test_a_route_is_made_put_back_and_removed_with_its_section"
_POOLED = "features/test_gateway.py::test_a_pool_and_its_picker_are_made_and_removed_again"
_LED = "lifecycle/test_lease.py::test_a_leader_that_is_told_to_stop_hands_over_at_once"
_BACK = "lifecycle/test_repair.py::test_what_someone_deletes_is_back_at_once[{}]"
_TOLD = "nodes/test_failures.py::test_each_reason_is_one_event_however_often_a_pod_crashes"
_CACHED = (
    "features/test_model_cache.py::"
    "test_a_claim_is_made_grows_without_a_restart_and_goes_when_it_is_no_longer_wanted"
)
_SLEEPS = "features/test_scale_to_zero.py::test_a_model_that_may_sleep_gets_both_objects_and_gives_them_back"
_UNWANTED_POLICY = "lifecycle/test_reconcile.py::test_a_network_policy_that_is_no_longer_wanted_is_deleted"


@dataclass(frozen=True, slots=True)
class Right:
    """One verb on one resource.

    Attributes:
        verb: the verb.
        resource: the resource, in the plural.
        purpose: what for.
        test: file of tests/cluster and name of the test that fails without it.
    """

    verb: str
    resource: str
    purpose: str
    test: str

    @property
    def name(self) -> str:
        """Verb and resource, as the tests' environment withholds it."""
        return f"{self.verb} {self.resource}"


@dataclass(frozen=True, slots=True)
class _ChildTests:
    """The tests on a kind of child.

    Attributes:
        made: fails when it cannot be made or changed.
        deleted: fails when it cannot be deleted; None for a kind that every resource has.
        noticed: fails when it is not watched; None where the test of what comes back does.
    """

    made: str
    deleted: str | None = None
    noticed: str | None = None


_TESTS = {
    "NetworkPolicy": _ChildTests(_READY, _UNWANTED_POLICY),
    "PersistentVolumeClaim": _ChildTests(_CACHED, _CACHED, _CACHED),
    "Service": _ChildTests(_READY, _POOLED),
    "Deployment": _ChildTests(_READY, _POOLED),
    "PodDisruptionBudget": _ChildTests(_LIFE, _LIFE),
    "HorizontalPodAutoscaler": _ChildTests(_LIFE, _LIFE),
    "InterceptorRoute": _ChildTests(_SLEEPS, _SLEEPS),
    "ScaledObject": _ChildTests(_SLEEPS, _SLEEPS),
    "PodMonitor": _ChildTests(_MONITORED, _MONITORED),
    "InferencePool": _ChildTests(_POOLED, _POOLED),
    "HTTPRoute": _ChildTests(_ROUTED, _ROUTED),
}


def _child(child: ChildKind) -> list[Right]:
    tests, plural = _TESTS[child.kind], child.plural
    noticed = tests.noticed or _BACK.format(child.kind.lower())
    rights = [
        Right("list", plural, "know what there is at the start, and every ten minutes", tests.made),
        Right("watch", plural, "notice edits and deletions by others", noticed),
        Right("create", plural, "make it: a server-side apply of what is not there is a create", tests.made),
        Right("patch", plural, "change it by server-side apply", tests.made),
    ]
    if tests.deleted:
        rights.append(Right("delete", plural, "remove what is not wanted any more", tests.deleted))
    return rights


RIGHTS = (
    Right("list", "internvldeployments", "know the resources at the start, and every ten minutes", _READY),
    Right("watch", "internvldeployments", "notice new and changed resources", _READY),
    Right("patch", "internvldeployments/status", "write plan and conditions", _READY),
    *(right for child in {child.kind: child for child in CHILD_KINDS}.values() for right in _child(child)),
    Right("list", "pods", "tell why a model is not ready", _READY),
    Right("watch", "pods", "the same", _TOLD),
    Right(
        "create",
        "events",
        "tell people what happened",
        "cost/test_writes.py::test_events_tell_of_the_plan_and_of_ready",
    ),
    Right("list", "nodes", "know the GPUs; not needed where gpu.inventory or spec.gpu says them", _READY),
    Right(
        "get",
        "leases",
        "see who leads; with leaderElection.enabled, the operator's own Lease alone",
        _LED,
    ),
    Right("create", "leases", "the first time", _LED),
    Right("patch", "leases", "lead, and go on leading; this Lease alone", _LED),
)


def granted() -> list[tuple[str, str]]:
    """Return the verbs and resources that the chart grants."""
    return [
        (verb, resource)
        for name in ("rules", "nodeRules", "leaseRules")
        for rule in chart_rules(name)
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]


def section() -> str:
    """Return the table as Markdown."""
    groups = {
        resource: (rule["apiGroups"][0] or "core")
        for name in ("rules", "nodeRules", "leaseRules")
        for rule in chart_rules(name)
        for resource in rule["resources"]
    }
    rows = [
        f"| {groups[right.resource]} | {right.resource} | {right.verb} | {right.purpose} | `{test}` |"
        for right in RIGHTS
        for _, _, test in [right.test.partition("::")]
    ]
    head = [
        "| API group | resource | verb | what for | fails without it (`tests/cluster`) |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*head, *rows]) + "\n"


def with_section(page: str) -> str:
    """Return a page with the table in its place."""
    before, rest = page.split(OPENING)
    after = rest.split(CLOSING)[1]
    return f"{before}{OPENING}\n{section()}\n{CLOSING}{after}"
