"""The administrator guide names every setting of the operator."""

from __future__ import annotations

import inspect
import re

from internvl_operator import settings
from internvl_operator.cli import run_command
from tests.docs.test_pages import ROOT

VARIABLE = re.compile(r"\bINTERNVL_[A-Z_]+\b")


def test_every_environment_variable_is_in_the_table() -> None:
    page = (ROOT / "docs/administrator.md").read_text()
    table = page.split("## Settings of the operator\n")[1].split("\n## ")[0]
    read = inspect.getsource(settings) + inspect.getsource(run_command)
    assert set(VARIABLE.findall(table)) == set(VARIABLE.findall(read))
