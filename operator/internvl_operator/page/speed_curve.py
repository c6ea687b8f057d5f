"""How fast one replica of a plan is, over the requests that are in flight."""

from typing import Any

from internvl_operator.planner.document import Document
from internvl_operator.planner.load.speed_of_plan import speed_of_plan
from internvl_operator.planner.plan import Plan
from internvl_operator.planner.speed.load import Load
from internvl_operator.planner.speed.speed_estimate import Limit
from internvl_operator.planner.speed.words import LIMITS

IN_FLIGHT = (1, 2, 4, 8, 16, 32, 64, 128)


def speed_curve(plan: Plan, document: Document) -> dict[str, Any] | None:
    """Return the speed of one replica with more and more requests in flight, as JSON.

    None where the plan's document has no speed. Requests are of the form that it was asked for.
    """
    asked = document.get("speed")
    if asked is None:
        return None
    points = []
    for concurrency in IN_FLIGHT:
        load = Load(
            concurrency=concurrency,
            images=asked["images"],
            tiles=asked["tiles"],
            prompt_tokens=asked["promptTokens"],
            output_tokens=asked["outputTokens"],
        )
        speed = speed_of_plan(plan, load)
        if speed is not None:
            points.append(
                {
                    "concurrency": concurrency,
                    "requestsPerSecond": speed.requests_per_second,
                    "ttftSeconds": speed.ttft_seconds,
                }
            )
    return {
        "points": points,
        "most": asked["maxRequestsPerSecond"],
        "limit": LIMITS[Limit(asked["limit"])],
        "calibrated": asked["calibrated"],
    }
