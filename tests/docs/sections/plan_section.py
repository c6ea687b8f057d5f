"""Write models and plans into the user guide, between marks: ``python -m tests.docs.sections.plan_section``."""

import contextlib
import io
import re
from collections.abc import Iterable
from pathlib import Path

from internvl_operator.__main__ import main
from internvl_operator.catalog.models import INTERNVL2, MODELS, SERIES, sizes_of
from internvl_operator.cli.text_table import markdown
from internvl_operator.library import plan

GUIDE = Path(__file__).parents[3] / "docs" / "user"
PAGES = (GUIDE / "memory.md", GUIDE / "series.md")
FURTHER = tuple(series for series in SERIES if series != INTERNVL2)
_SECTION = re.compile(
    r"<!-- (?P<what>(models|internvl table).*) -->\n.*?<!-- end of (?P=what) -->\n", re.DOTALL
)
_GPU = "A100-80GB"


def with_plans(page: str) -> str:
    """Return a page with what its marks name between each pair of them: a command's output, or a series' models."""

    def current(match: re.Match[str]) -> str:
        what = match["what"]
        verb, *words = what.split()
        text = _models(*words) if verb == "models" else _printed(words)
        return f"<!-- {what} -->\n\n{text}\n\n<!-- end of {what} -->\n"

    return _SECTION.sub(current, page)


def sections(page: str) -> list[str]:
    """Return what the marks of a page name."""
    return [match["what"] for match in _SECTION.finditer(page)]


def _printed(arguments: Iterable[str]) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        main([*arguments])
    return printed.getvalue().strip("\n")


def _models(series: str) -> str:
    """Return the table of a series' models, with the GPUs that each needs."""
    rows = [["size", "repository", "language model", "AWQ weights", f"GPUs on {_GPU}", "with AWQ"]]
    for size in sizes_of(series):
        model = MODELS[series, size]
        full = plan(size, series=series, gpu=_GPU, quantization="None").gpus
        awq = plan(size, series=series, gpu=_GPU, quantization="AWQ").gpus if model.awq_repository else ""
        architecture = model.language.architecture.removesuffix("ForCausalLM")
        rows.append(
            [size, model.repository, architecture, model.awq_repository or "none", str(full), str(awq)]
        )
    return markdown(rows)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(with_plans(page.read_text()))
