"""Write the plans into the user guide, between two marks: ``python -m tests.docs.plan_section``."""

import contextlib
import io
from pathlib import Path

from internvl_operator.__main__ import main

PAGE = Path(__file__).parents[2] / "docs" / "user" / "memory.md"
BEGIN = "<!-- internvl table --plans -->\n"
END = "<!-- end of internvl table --plans -->\n"


def with_plans(page: str) -> str:
    """Return a page with what ``internvl table --plans`` prints in place of what is between the marks.

    Raises:
        ValueError: the page lacks a mark.
    """
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        main(["table", "--plans"])
    return f"{before}{BEGIN}\n{printed.getvalue()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_plans(PAGE.read_text()))
