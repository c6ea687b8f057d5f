"""What the parts of a speed are called in a sentence."""

from collections.abc import Mapping

from internvl_operator.planner.speed.speed_estimate import Limit

LIMITS: Mapping[Limit, str] = {
    Limit.PREPROCESSING: "the thread that preprocesses images",
    Limit.VISION: "the vision encoder",
    Limit.PREFILL: "the prefill",
    Limit.DECODE: "the decoding",
    Limit.KV_CACHE: "the KV cache",
    Limit.EVENT_LOOP: "the thread that streams tokens",
}
"""What each limit is called in a sentence."""


def carried_by(count: int) -> str:
    """Return the beginning of "2 replicas carry it"."""
    return "1 replica carries" if count == 1 else f"{count} replicas carry"
