"""How each failure is tested, written into its page: ``python -m tests.docs.sections.failure_section``."""

from pathlib import Path

from internvl_operator.api.reasons import FROM_PODS, Reason
from tests.cluster.nodes.failures import FAILURES

PAGE = Path(__file__).parents[3] / "docs" / "failure-modes.md"
BEGIN = "<!-- how each reason is brought about -->\n"
END = "<!-- end of how each reason is brought about -->\n"


def with_failures(page: str) -> str:
    """Return a page with a table of the failures of the cluster tests in place of what is between the marks.

    Raises:
        ValueError: the page lacks a mark.
    """
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    rows = ["| reason | brought about by | near misses, and what they are told as |", "|---|---|---|"]
    return (
        before
        + BEGIN
        + "\n"
        + "\n".join(rows + [_row(reason) for reason in FROM_PODS])
        + "\n\n"
        + END
        + after
    )


def _row(reason: Reason) -> str:
    made = [failure.how for failure in FAILURES.values() if failure.reason == reason]
    near = [
        f"{failure.how} (`{failure.reason}`)" for failure in FAILURES.values() if reason in failure.misses
    ]
    return f"| `{reason}` | {'; '.join(made)} | {'; '.join(near)} |"


if __name__ == "__main__":
    PAGE.write_text(with_failures(PAGE.read_text()))
