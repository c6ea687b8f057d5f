"""The speed of a plan, and whether there are replicas enough for the load."""

from dataclasses import replace

from internvl_operator.planner.plan import Plan
from internvl_operator.planner.request import PlanRequest
from internvl_operator.planner.speed.load import DEFAULT_LOAD, Load
from internvl_operator.planner.speed.replica import Replica
from internvl_operator.planner.speed.speed_estimate import Speed, estimate_speed


def with_speed(plan: Plan, request: PlanRequest) -> Plan:
    """Return a plan that also says how fast it is, and warns where there are fewer replicas than carry the load.

    The stored plan has neither: replicas change without a restart, and so does what is known of the speed.
    """
    speed = speed_of_plan(plan, request.load or DEFAULT_LOAD)
    if speed is None:
        return plan
    return replace(plan, speed=speed, warnings=(*plan.warnings, *_too_few_replicas(speed, request)))


def speed_of_plan(plan: Plan, load: Load) -> Speed | None:
    """Return how fast a plan is.

    None where it does not serve, where one such request is longer than a session, and where nobody knows how fast
    the GPU is.
    """
    if not plan.serves or load.tokens > plan.memory.effective_session_len:
        return None
    replica = Replica.on(
        plan.product,
        plan.model,
        backend=plan.backend,
        engine=plan.engine,
        awq=plan.awq,
        tp=plan.tp,
        options=plan.options,
        kv_tokens=plan.memory.kv_tokens,
    )
    return None if replica is None else estimate_speed(replica, load)


def _too_few_replicas(speed: Speed, request: PlanRequest) -> tuple[str, ...]:
    most, load = request.most_replicas, request.load
    if load is None or load.requests_per_second is None or not most or most >= speed.replicas:
        return ()
    field = "autoscaling.maxReplicas" if request.autoscaled else "replicas"
    carried = f"{load.requests_per_second:g} requests per second need {speed.replicas} replicas"
    return (f"{carried} of this plan, and spec.{field} is {most}: write {speed.replicas}.",)
