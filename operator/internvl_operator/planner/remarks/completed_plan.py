"""A plan with all of its warnings and its speed, as the status and ``internvl plan`` show it."""

from dataclasses import replace

from internvl_operator.planner.load.speed_of_plan import with_speed
from internvl_operator.planner.plan import Plan
from internvl_operator.planner.remarks.autoscaling import with_autoscaling_warning
from internvl_operator.planner.remarks.remote_code import with_branch_warning
from internvl_operator.planner.remarks.spec_remarks import with_spec_remarks
from internvl_operator.planner.request import PlanRequest


def completed(plan: Plan, request: PlanRequest) -> Plan:
    """Return a plan with its speed, and with the warnings that follow from the rest of the spec."""
    warned = with_branch_warning(with_autoscaling_warning(plan, request), request)
    return with_speed(with_spec_remarks(warned, request), request)


def without_remarks(plan: Plan, request: PlanRequest) -> Plan:
    """Return a completed plan as it was before: with the warnings alone that the record stores, and without speed."""
    bare = replace(plan, warnings=(), speed=None)
    remarks = completed(bare, request).warnings
    return replace(bare, warnings=tuple(warning for warning in plan.warnings if warning not in remarks))
