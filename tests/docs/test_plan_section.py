"""The plans in the user guide are those of the planner."""

from internvl_operator.catalog.models import INTERNVL2, sizes_of
from internvl_operator.cli.table.plan_table import USUAL_GPUS
from tests.docs.plan_section import BEGIN, END, PAGE, with_plans


def test_the_plans_in_the_user_guide_are_current() -> None:
    page = PAGE.read_text()
    assert page == with_plans(page), "run: python -m tests.docs.plan_section"


def test_the_user_guide_has_a_line_for_each_size_on_each_usual_gpu() -> None:
    section = PAGE.read_text().split(BEGIN)[1].split(END)[0]
    planned = [tuple(line.split(" | ")[:2]) for line in section.splitlines() if line.startswith("| ")]
    assert planned[1:] == [(f"| {size}", gpu) for size in sizes_of(INTERNVL2) for gpu in USUAL_GPUS]
