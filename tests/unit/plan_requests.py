"""Plan requests for tests: options of the engine stand beside the other values."""

from __future__ import annotations

from typing import Any

from internvl_operator.catalog.engine_options import OPTION_NAMES, EngineOptions
from internvl_operator.planner.request import PlanRequest


def plan_request(size: str, **given: Any) -> PlanRequest:
    """Return a request for a size with some values given."""
    options = {name: given.pop(name) for name in OPTION_NAMES if name in given}
    return PlanRequest(size, options=EngineOptions(**options), **given)
