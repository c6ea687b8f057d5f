"""Why a resource's pods are not ready: a reason for programs, a message for people.

Why: docs/design/008-no-durations-in-status.md
"""

from dataclasses import dataclass

from internvl_operator.api.reasons import FROM_PODS, Outlook, Reason

_RANKS = {reason: rank for rank, reason in enumerate(FROM_PODS)}


@dataclass(frozen=True, slots=True)
class Finding:
    """Why a resource's pods are not ready.

    Args:
        reason: one word for programs.
        message: what was seen and the next step. It holds times, never durations, so that it does not change
            with time alone.
        outlook: what has to happen before the resource is ready.
    """

    reason: Reason
    message: str
    outlook: Outlook

    @property
    def rank(self) -> int:
        """The place of the reason among those from pods; of several findings the one with the lowest is reported."""
        return _RANKS[self.reason]

    @property
    def is_stalled(self) -> bool:
        """Whether a person has to act."""
        return self.outlook is Outlook.STALLED


def finding(reason: Reason, message: str) -> Finding:
    """Return a finding with the usual outlook of its reason."""
    return Finding(reason, message, reason.outlook)
