"""What each action makes of a resource, and when it is offered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.argocd.states import SEEN_GENERATION
from tests.cluster.specs.table import Spec, resource

UPDATE = "fedcba9876543210"
ANY_TIME = "0001-01-01T00:00:00Z"
"""Stands in the expected results for the time at which the action was run."""


@dataclass(frozen=True, slots=True)
class Case:
    """A resource and what the actions do to it.

    Attributes:
        name: Of its file.
        spec: Its spec.
        status: What of its status matters to the actions.
        offered: Actions that can be run; the others are disabled.
        results: Action -> spec afterwards.
    """

    name: str
    spec: Spec
    offered: frozenset[str]
    status: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Spec] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, Any]:
        """The resource."""
        return self._with_spec(self.spec)

    def result(self, action: str) -> dict[str, Any]:
        """The resource after an action."""
        return self._with_spec(self.results[action])

    def _with_spec(self, spec: Spec) -> dict[str, Any]:
        body = resource(spec)
        body["metadata"]["generation"] = SEEN_GENERATION
        return (
            {**body, "status": {"observedGeneration": SEEN_GENERATION, **self.status}}
            if self.status
            else body
        )


CASES = (
    Case("new", {"size": "8B"}, frozenset({"suspend", "restart"})),
    Case(
        "running",
        {"size": "8B", "gpu": {}},
        frozenset({"suspend", "restart"}),
        {"revision": "0123456789abcdef"},
        {
            "suspend": {"size": "8B", "gpu": {}, "suspend": True},
            "restart": {"size": "8B", "gpu": {}, "rollout": {"restartedAt": ANY_TIME}},
        },
    ),
    Case(
        "suspended",
        {"size": "8B", "suspend": True},
        frozenset({"resume"}),
        {"revision": "0123456789abcdef"},
        {"resume": {"size": "8B", "suspend": False}},
    ),
    Case(
        "update",
        {"size": "8B", "rollout": {"drainSeconds": 30, "restartedAt": "2026-11-22T12:00:00Z"}},
        frozenset({"suspend", "restart", "accept-update"}),
        {"revision": "0123456789abcdef", "updateRevision": UPDATE},
        {
            "restart": {"size": "8B", "rollout": {"drainSeconds": 30, "restartedAt": ANY_TIME}},
            "accept-update": {
                "size": "8B",
                "rollout": {
                    "drainSeconds": 30,
                    "restartedAt": "2026-11-22T12:00:00Z",
                    "acceptedRevision": UPDATE,
                },
            },
        },
    ),
    Case(
        "accepted",
        {"size": "8B", "rollout": {"acceptedRevision": UPDATE}},
        frozenset({"suspend", "restart"}),
        {"revision": "0123456789abcdef", "updateRevision": UPDATE},
    ),
)
NO_UPDATE = "there is no update to accept: status.updateRevision is empty"
