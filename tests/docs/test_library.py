"""The examples of the library's page are run, and its exports are there."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys

import pytest

import internvl_operator
from tests.docs.test_pages import ROOT

PAGE = ROOT / "docs/library.md"


def test_the_examples_print_what_is_shown() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    # One after the other: a later example uses the names of an earlier one.
    examples = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, PAGE.name, str(PAGE), 0)
    printed: list[str] = []
    result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples, out=printed.append)
    assert result.attempted > 10
    assert result.failed == 0, "".join(printed)


@pytest.mark.parametrize("name", internvl_operator.__all__)
def test_every_export_is_there_under_its_own_name(name: str) -> None:
    exported = getattr(internvl_operator, name)
    assert getattr(exported, "__name__", name) == name
    assert name in dir(internvl_operator)


def test_what_is_not_exported_is_said_to_be_missing() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'plans'"):
        internvl_operator.plans  # noqa: B018


def test_a_plan_loads_nothing_slow() -> None:
    script = (
        "import sys; from internvl_operator import plan; plan('8B', gpu='L4');"
        "slow = {'pydantic', 'jinja2', 'yaml', 'aiohttp', 'kubernetes', 'kopf'} & sys.modules.keys();"
        "sys.exit(', '.join(slow) or None)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
