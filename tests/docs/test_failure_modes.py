"""The page of failure modes has every reason that the code can give, with its meaning and outlook."""

from __future__ import annotations

import ast
import inspect
import re
from itertools import pairwise
from pathlib import Path

import pytest

import internvl_operator
from internvl_operator.api import reasons
from internvl_operator.api.reasons import FROM_PODS, Outlook, Reason, Source
from tests.docs.sections.failure_section import PAGE, with_failures

ROOT = Path(internvl_operator.__file__).parent
ROW = re.compile(r"^\| (`[^|]*) \|", re.MULTILINE)
TAKES_A_REASON = {"Problem": 0, "Condition": 2, "Finding": 0, "finding": 0, "ClusterEvent": 1}
"""What takes a reason -> at which place."""

ON_THE_PAGE = [reason for reason in Reason if reason.source is not Source.CONDITION]


def documented() -> list[str]:
    """Return the reasons that the page's tables begin with, as often as they do."""
    tables = PAGE.read_text().split("<!--")[0]
    return [name for cell in ROW.findall(tables) for name in re.findall(r"`(\w+)`", cell)]


def row_of(reason: str) -> list[str]:
    """Return the cells of a reason's row after the reason itself."""
    rows = (line for line in PAGE.read_text().splitlines() if line.startswith("| `"))
    row = next(line for line in rows if f"`{reason}`" in line.split("|")[1])
    return [cell.strip() for cell in row.split("|")[2:-1]]


def sentences() -> dict[str, str]:
    """Return the docstring of each reason, which stands below it."""
    module = ast.parse(inspect.getsource(reasons))
    body = next(node.body for node in module.body if isinstance(node, ast.ClassDef) and node.name == "Reason")
    found: dict[str, str] = {}
    for member, docstring in pairwise(body):
        if isinstance(member, ast.Assign) and isinstance(member.value, ast.Tuple):
            assert isinstance(docstring, ast.Expr), ast.dump(member)
            name, sentence = ast.literal_eval(member.value.elts[0]), ast.literal_eval(docstring.value)
            found[name] = " ".join(sentence.split())
    return found


def literal_reasons(file: Path) -> list[str]:
    """Return where a file writes a reason as text instead of naming a member of Reason."""
    calls = (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call))
    return [
        f"{file.relative_to(ROOT)}:{call.lineno}"
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id in TAKES_A_REASON
        for argument in [*call.args[TAKES_A_REASON[call.func.id] :][:1], *_named_reason(call)]
        if isinstance(argument, ast.Constant | ast.JoinedStr)
    ]


def _named_reason(call: ast.Call) -> list[ast.expr]:
    return [keyword.value for keyword in call.keywords if keyword.arg == "reason"]


def test_no_reason_is_written_outside_of_the_list() -> None:
    assert [place for file in sorted(ROOT.rglob("*.py")) for place in literal_reasons(file)] == []


def test_a_reason_that_is_written_as_text_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "given.py").write_text('Problem("Lost", "x")\nCondition("Ready", True, reason="Found")\n')
    monkeypatch.setattr("tests.docs.test_failure_modes.ROOT", tmp_path)
    assert literal_reasons(tmp_path / "given.py") == ["given.py:1", "given.py:2"]


def test_every_reason_is_on_the_page_once() -> None:
    found = documented()
    assert {str(reason) for reason in ON_THE_PAGE} <= set(found)
    assert len(found) == len(set(found))


def test_the_page_has_no_reason_that_the_code_does_not_give() -> None:
    invalid_children = {name for name in documented() if name.startswith("Invalid")}
    assert set(documented()) - invalid_children <= set(Reason)


def test_the_reasons_from_pods_stand_in_the_order_in_which_they_are_reported() -> None:
    assert documented()[: len(FROM_PODS)] == [str(reason) for reason in FROM_PODS]


@pytest.mark.parametrize("reason", ON_THE_PAGE)
def test_the_meaning_of_a_reason_is_the_documented_one(reason: Reason) -> None:
    meaning = row_of(reason)[1 if reason.source is Source.POD else 0]
    assert sentences()[reason].casefold().rstrip(".") == meaning.casefold().rstrip(".")


@pytest.mark.parametrize("reason", FROM_PODS)
def test_the_outlook_of_a_reason_is_the_documented_one(reason: Reason) -> None:
    outlook = row_of(reason)[0].split()[0]
    words = {Outlook.PROGRESS: "goes", Outlook.WAITING: "waits", Outlook.STALLED: "stalled"}
    # A crash is sure to be one only when it is repeated; a blocked rollout is as what blocks it.
    exceptions = {Reason.CRASH_LOOPING: "waits", Reason.ROLLOUT_BLOCKED: "as"}
    assert outlook.rstrip(";") == exceptions.get(reason, words[reason.outlook])


def test_how_each_reason_is_tested_is_current() -> None:
    page = PAGE.read_text()
    assert page == with_failures(page), "run: python -m tests.docs.sections.failure_section"
