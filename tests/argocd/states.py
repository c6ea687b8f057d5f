"""States of a resource with the health that Argo CD should show; the statuses are the operator's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from internvl_operator.kube.objects import condition_of
from tests.cluster.specs.right import RICH
from tests.cluster.specs.table import Spec, resource
from tests.statuses import NOW, SLEEPING, STATUSES, TOO_LARGE

DEFAULT: Spec = {"size": "8B"}
SEEN_GENERATION = 3
"""Which the statuses of `STATUSES` speak of."""
AS_CREATED = "as the API server creates it"
_STATUSES = {**STATUSES, AS_CREATED: {"observedGeneration": -1}}


@dataclass(frozen=True, slots=True)
class State:
    """A resource at one moment.

    Attributes:
        name: Of its file.
        health: What Argo CD should show, in its words.
        status: Name of its status in `STATUSES`, or AS_CREATED; None: it has none.
        spec: Its spec.
        messages: Conditions whose messages should be shown, or the message itself.
        metadata: What is special in its metadata.
    """

    name: str
    health: str
    status: str | None
    spec: Spec = field(default_factory=lambda: DEFAULT)
    messages: tuple[str, ...] | str = ("Ready",)
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, Any]:
        """The resource."""
        body = resource(self.spec)
        body["metadata"] |= {"generation": SEEN_GENERATION, **self.metadata}
        return body if self.status is None else {**body, "status": _STATUSES[self.status]}

    @property
    def message(self) -> str:
        """What Argo CD should say."""
        if isinstance(self.messages, str):
            return self.messages
        assert self.status is not None
        return "; ".join(_message(_STATUSES[self.status], type_) for type_ in self.messages)


def _message(status: dict[str, Any], type_: str) -> str:
    found = condition_of(status, type_)
    assert found is not None
    return str(found["message"])


_NO_STATUS = "Waiting for the operator to write a status"
_NOT_SEEN = "Waiting for the operator to see the changed spec"
_NEXT_GENERATION = {"generation": SEEN_GENERATION + 1}

STATES = (
    State("without_status", "Progressing", None, messages=_NO_STATUS),
    State("new", "Progressing", AS_CREATED, messages=_NO_STATUS, metadata={"generation": 1}),
    State("not_yet_deployed", "Progressing", "not yet deployed"),
    State("deploying", "Progressing", "deploying"),
    State(
        "one_of_two_replicas_ready", "Progressing", "one of two replicas ready", {"size": "8B", "replicas": 2}
    ),
    State("stopping", "Progressing", "stopping", {"size": "8B", "suspend": True}),
    State("waiting_for_what_comes_by_itself", "Progressing", "waiting"),
    State("ready_for_the_spec_before", "Progressing", "ready", messages=_NOT_SEEN, metadata=_NEXT_GENERATION),
    State(
        "stalled_for_the_spec_before",
        "Progressing",
        "does not fit",
        TOO_LARGE,
        messages=_NOT_SEEN,
        metadata=_NEXT_GENERATION,
    ),
    State(
        "deleting",
        "Progressing",
        "ready",
        messages="Pending deletion",
        metadata={"deletionTimestamp": NOW, "finalizers": ["foregroundDeletion"]},
    ),
    State("ready", "Healthy", "ready"),
    State("ready_with_every_field", "Healthy", "ready, every field of the spec given", RICH),
    State("scaled_to_zero", "Healthy", "scaled to zero", {"size": "40B", "replicas": 0}),
    State("asleep", "Healthy", "asleep", {**SLEEPING, "replicas": 0}),
    State("waking", "Progressing", "waking", SLEEPING),
    State("update_available", "Healthy", "an update waits", messages=("Ready", "UpdateAvailable")),
    State("as_asked", "Suspended", "suspended", {"size": "8B", "suspend": True}),
    State("does_not_fit", "Degraded", "does not fit", TOO_LARGE, messages=("Stalled",)),
    State("not_understood", "Degraded", "not understood", {"flavour": "8B"}, messages=("Stalled",)),
    State(
        "name_conflict", "Degraded", "a name conflict while another Deployment runs", messages=("Stalled",)
    ),
    State(
        "refused_while_serving",
        "Degraded",
        "a wrong spec while the right one before it serves",
        messages=("Stalled",),
    ),
    State("late", "Degraded", "late"),
)
