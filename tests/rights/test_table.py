"""The table of rights names every right of the chart once, and tests that exist."""

from __future__ import annotations

import ast

from tests.rights.table import PAGE, RIGHTS, ROOT, granted, with_section


def test_every_right_of_the_chart_is_in_the_table_once() -> None:
    assert sorted((right.verb, right.resource) for right in RIGHTS) == sorted(granted())


def test_every_named_test_exists() -> None:
    for right in RIGHTS:
        file, _, name = right.test.partition("[")[0].partition("::")
        tree = ast.parse((ROOT / "tests" / "cluster" / file).read_text())
        functions = (ast.FunctionDef, ast.AsyncFunctionDef)
        assert name in {node.name for node in tree.body if isinstance(node, functions)}


def test_the_page_for_administrators_has_the_table() -> None:
    assert PAGE.read_text() == with_section(PAGE.read_text()), "make rbac"
