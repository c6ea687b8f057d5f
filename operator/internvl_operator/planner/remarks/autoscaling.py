"""Whether replicas can follow the requests that wait: the engine has to count them."""

from dataclasses import replace

from internvl_operator.catalog.engines import SUPPORTED_VERSIONS, has_metrics
from internvl_operator.catalog.models import Backend
from internvl_operator.planner.plan import Plan
from internvl_operator.planner.request import PlanRequest


def with_autoscaling_warning(plan: Plan, request: PlanRequest) -> Plan:
    """Return a plan that also warns where autoscaling is asked for and the release has no metric to scale by.

    The stored plan never has this warning: autoscaling can be turned on and off without a restart.
    """
    if not request.autoscaled or has_metrics(plan.engine, plan.backend):
        return plan
    warning = (
        f"LMDeploy {plan.engine} does not count waiting requests on the {plan.backend} backend: spec.autoscaling "
        f"never scales; use engine {_first_with_metrics(plan.backend)} or later."
    )
    return replace(plan, warnings=(*plan.warnings, warning))


def _first_with_metrics(backend: Backend) -> str:
    return next(version for version in SUPPORTED_VERSIONS if has_metrics(version, backend))
