"""Why a resource is not as its spec says."""

from collections.abc import Iterable
from dataclasses import dataclass

from internvl_operator.api.reasons import Outlook, outlook_of


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a resource is not as its spec says, before its pods say why they are not ready.

    Args:
        reason: one word for programs, of ``api.reasons``.
        message: what is wrong and what to do.
        retry_after: seconds after which to look again; None when only a change can help.
        refusal: the error with which the API server refused a write. The queue tries the write again, later each time.
        holds_up_others: whether the later writes of the resource wait for this one.

    Example:
        >>> Problem("InvalidSpec", "spec.size: Field required").is_stalled
        True
        >>> Problem("WaitingForDeletion", "of the old one", retry_after=2.0).is_stalled
        False
    """

    reason: str
    message: str
    retry_after: float | None = None
    refusal: Exception | None = None
    holds_up_others: bool = True

    @property
    def is_stalled(self) -> bool:
        """Whether a person must act."""
        return outlook_of(self.reason) is Outlook.STALLED


def blocking(problems: Iterable[Problem]) -> Problem | None:
    """Return the first problem for which the later writes have to wait."""
    return next((problem for problem in problems if problem.holds_up_others), None)
