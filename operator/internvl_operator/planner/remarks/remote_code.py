"""Whether the pods of one model may run different code: they run the code that the weights' repository has."""

import re
from dataclasses import replace

from internvl_operator.planner.plan import Plan
from internvl_operator.planner.request import PlanRequest

_COMMIT = re.compile("[0-9a-f]{40}")


def with_branch_warning(plan: Plan, request: PlanRequest) -> Plan:
    """Return a plan that also warns where each pod asks a hub for a branch of a repository that the user names.

    With a cache the first pod's commit is kept in the claim and holds for all. The warning is no part of the
    stored plan.
    """
    revision = request.revision or "main"
    if request.repository is None or request.keeps_files or _COMMIT.fullmatch(revision):
        return plan
    warning = (
        f"Pods run code of {request.repository} at {revision}: where that is a branch, a pod that starts later may run "
        "other code. Write a commit in spec.model.revision, or keep the files in spec.model.cache."
    )
    return replace(plan, warnings=(*plan.warnings, warning))
