"""One resource as ``internvl status`` shows it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from internvl_operator.api.reasons import Reason
from internvl_operator.cli.status.durations import short_seconds, since, with_elapsed
from internvl_operator.kube.objects import condition_of, is_true
from internvl_operator.planner.document import plan_document
from internvl_operator.planner.plan import Plan

_COMPARED = ("gpus", "product", "quantization", "engine", "sessionLen")


_DISABLED = "ScalingDisabled"
"""The autoscaler's reason while something has set the replicas to 0, which is no fault."""

_REFUSED = (
    "act: the present spec is applied, but the status is that of an earlier one, as the operator could not write it; "
    "see: kubectl events --for internvldeployment/{}"
)


@dataclass(frozen=True, slots=True)
class Row:
    """A resource, and the plan that it would get if it were new.

    Args:
        body: the resource as the API server has it.
        fresh: the plan that it would get now; None when that is unknown.
        now: the time, from which the row computes how long ago something was.
        is_applied: whether the Deployment is made from the present spec, whatever the status says.
        autoscaler: its HorizontalPodAutoscaler, if there is one that may be read.
        gpus: GPUs of the plan's product on all nodes; None when that is unknown.
    """

    body: Mapping[str, Any]
    fresh: Plan | None
    now: datetime
    is_applied: bool = False
    autoscaler: Mapping[str, Any] | None = None
    gpus: int | None = None

    @property
    def name(self) -> str:
        """The name of the resource."""
        return str(self.body["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """The namespace of the resource."""
        return str(self.body["metadata"]["namespace"])

    @property
    def status(self) -> Mapping[str, Any]:
        """The status that the operator wrote; empty before it has seen the resource."""
        found: Mapping[str, Any] = self.body.get("status", {})
        return found

    @property
    def is_ready(self) -> bool:
        """Whether the resource is ready: all replicas of the spec answer."""
        return is_true(self.status, "Ready")

    @property
    def is_stalled(self) -> bool:
        """Whether a person must act."""
        return is_true(self.status, "Stalled")

    @property
    def state(self) -> str:
        """The reason of the condition Ready, in one word."""
        ready = self.condition("Ready")
        return str(ready["reason"]) if ready else "Unseen"

    @property
    def waited(self) -> timedelta | None:
        """How long the condition Ready has had its status."""
        ready = self.condition("Ready")
        return since(ready["lastTransitionTime"], self.now) if ready else None

    @property
    def plan(self) -> Mapping[str, Any] | None:
        """The plan in the status, if there is one."""
        return self.status.get("plan")

    @property
    def fresh_plan(self) -> Mapping[str, Any] | None:
        """The plan that the resource would get now; None when it is the same as in the status, or unknown."""
        if self.fresh is None or self.plan is None:
            return None
        now = plan_document(self.fresh)
        differs = not self.fresh.is_ok or any(self.plan[name] != now[name] for name in _COMPARED)
        return now if differs else None

    def condition(self, type_: str) -> Mapping[str, Any] | None:
        """Return a condition of the status."""
        return condition_of(self.status, type_)

    def notes(self) -> Iterator[str]:
        """Yield the lines below the row: why it is not ready, what to do, which update waits."""
        ready = self.condition("Ready")
        seen = self.status.get("observedGeneration")
        if ready is None:
            yield "no operator has seen it yet"
        elif seen != self.body["metadata"].get("generation"):
            yield (
                _REFUSED.format(self.name)
                if self.is_applied
                else "the operator has not seen the present spec yet"
            )
        if ready is not None and ready["message"] and not self.is_ready:
            message = with_elapsed(ready["message"], self.now)
            yield f"{'act: ' if self.is_stalled else ''}{message}{self._expected()}"
        yield from self._autoscaling()
        yield from self._changes()

    def _autoscaling(self) -> Iterator[str]:
        """Yield why replicas are not scaled, which no condition of the resource says: it is ready all the same."""
        if self.autoscaler is None:
            return
        active = condition_of(self.autoscaler.get("status", {}), "ScalingActive")
        if active is not None and active["status"] == "False" and active["reason"] != _DISABLED:
            yield f"act: the autoscaler does not scale, {active['reason']}: {active['message']}"
        most, each = self.autoscaler["spec"]["maxReplicas"], (self.plan or {}).get("gpus", 0)
        if self.gpus is not None and most * each > self.gpus:
            yield f"the autoscaler may ask for {most} replicas of {each} GPUs, and the nodes have {self.gpus}"

    def _expected(self) -> str:
        """Return how long a start takes, for a resource whose pods still have to start."""
        if self.plan is None or self.is_stalled or self.state == Reason.LOADING_WEIGHTS:
            return ""
        start = short_seconds(self.plan["expectedStartSeconds"])
        return f" (a start takes about {start}, without downloads)"

    def _changes(self) -> Iterator[str]:
        update = self.condition("UpdateAvailable")
        if update is not None and is_true(self.status, "UpdateAvailable"):
            yield str(update["message"])
        fresh = self.fresh_plan
        if fresh is not None and fresh["outcome"] == "ok":
            yield f"fresh plan: {self._difference(fresh)}; what runs stays until the spec changes"
        elif fresh is not None and self.plan is not None and self.plan["outcome"] == "ok":
            yield f"fresh plan: none, {fresh['reason']}"

    def _difference(self, fresh: Mapping[str, Any]) -> str:
        """Return the fresh plan, with release and session length where they differ from the plan that runs."""
        plan = self.plan or {}
        named = (("engine", "LMDeploy {}"), ("sessionLen", "sessions of {} tokens"))
        others = [text.format(fresh[name]) for name, text in named if plan.get(name) != fresh[name]]
        return ", ".join([short_plan(fresh), *others])


def short_plan(plan: Mapping[str, Any]) -> str:
    """Return GPUs and weights of a plan document."""
    weights = "AWQ" if plan["quantization"] == "AWQ" else "full precision"
    return f"{plan['gpus']} x {plan['product'] or 'GPU'}, {weights}"
