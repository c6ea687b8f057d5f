"""The page about platforms has the table of the images as the catalogue knows them."""

from tests.docs.sections.hardware_section import PAGE, with_hardware


def test_the_page_has_what_the_catalogue_says() -> None:
    page = PAGE.read_text()
    assert page == with_hardware(page), "run: make reference"
