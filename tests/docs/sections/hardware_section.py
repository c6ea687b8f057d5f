"""What each image has code for, written into its page: ``python -m tests.docs.sections.hardware_section``."""

from pathlib import Path

from internvl_operator.catalog.engines import SUPPORTED_VERSIONS, engine
from internvl_operator.catalog.hardware.image_variants import PROCESSOR, ImageVariant, dotted

PAGE = Path(__file__).parents[3] / "docs" / "platforms.md"
BEGIN = "<!-- what each image has code for -->\n"
END = "<!-- end of what each image has code for -->\n"


def with_hardware(page: str) -> str:
    """Return a page with a table of the images in place of what is between the marks.

    Raises:
        ValueError: the page lacks a mark.
    """
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    head = [
        "| release | image | TurboMind | PyTorch backend | processor | driver from |",
        "|---|---|---|---|---|---|",
    ]
    rows = [
        f"| {version} | `-{variant.name}` | {_codes(variant.turbomind)} | {_codes(variant.torch)} | {PROCESSOR} | "
        f"{dotted(variant.driver)} |"
        for version in SUPPORTED_VERSIONS
        for variant in _of(version)
    ]
    return before + BEGIN + "\n" + "\n".join([*head, *rows]) + "\n\n" + END + after


def _of(version: str) -> tuple[ImageVariant, ...]:
    return engine(version).variants


def _codes(codes: tuple[str, ...]) -> str:
    numbers = [code.rstrip("a") for code in codes]
    return ", ".join(sorted(numbers, key=lambda number: [int(part) for part in number.split(".")]))


if __name__ == "__main__":
    PAGE.write_text(with_hardware(PAGE.read_text()))
