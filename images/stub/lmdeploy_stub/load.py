"""The requests at hand, as the gauges of ``/metrics`` tell them."""

from dataclasses import dataclass


@dataclass(slots=True)
class Load:
    """Numbers of requests.

    Attributes:
        running: being answered now.
        waiting: waiting for one of the ``--max-batch-size`` places.
        routed: that have had a place, in all.
        succeeded: answered to the end, in all.
        failed: broken off or refused, in all.
    """

    running: int = 0
    waiting: int = 0
    routed: int = 0
    succeeded: int = 0
    failed: int = 0

    @property
    def finished(self) -> int:
        """Requests that are over."""
        return self.succeeded + self.failed

    @property
    def unfinished(self) -> int:
        """Requests that are not over."""
        return self.running + self.waiting
