"""The models and plans in the user guide are those of the catalogue and the planner."""

from pathlib import Path

import pytest

from internvl_operator.catalog.models import INTERNVL2, sizes_of
from internvl_operator.cli.table.plan_table import USUAL_GPUS
from tests.docs.sections.plan_section import FURTHER, PAGES, sections, with_plans


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_what_stands_between_the_marks_is_current(path: Path) -> None:
    page = path.read_text()
    assert page == with_plans(page), "run: python -m tests.docs.sections.plan_section"


def test_the_user_guide_has_a_line_for_each_size_on_each_usual_gpu() -> None:
    section = PAGES[0].read_text().split("<!-- internvl table --plans -->\n")[1].split("<!-- end of")[0]
    planned = [tuple(line.split(" | ")[:2]) for line in section.splitlines() if line.startswith("| ")]
    assert planned[1:] == [(f"| {size}", gpu) for size in sizes_of(INTERNVL2) for gpu in USUAL_GPUS]


def test_the_page_of_the_series_has_models_and_plans_of_each() -> None:
    assert sections(PAGES[1].read_text()) == [
        what
        for series in FURTHER
        for what in (f"models {series}", f"internvl table --plans --series {series}")
    ]
