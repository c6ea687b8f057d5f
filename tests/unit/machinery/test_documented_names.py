"""What the code takes by name stands in the docs: environment variables, and the sections that alerts link to.

And no page installs a package of a name that anybody may register.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
OPERATOR = ROOT / "operator" / "internvl_operator"
RULES = ROOT / "charts" / "internvl-operator" / "files" / "rules.yaml"
VARIABLE = re.compile(r"\bINTERNVL_[A-Z_]*[A-Z]\b")
DOCUMENTED = "\n".join(
    path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
)
VARIABLES = sorted(
    {
        name
        for module in OPERATOR.rglob("*.py")
        for name in VARIABLE.findall(module.read_text(encoding="utf-8"))
    }
)
ALERTS = [
    rule
    for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
    if "alert" in rule
]


def test_the_variables_are_found() -> None:
    assert {"INTERNVL_INVENTORY", "INTERNVL_LOG_FORMAT", "INTERNVL_API_KEY"} <= set(VARIABLES)


@pytest.mark.parametrize("name", VARIABLES)
def test_every_variable_that_the_code_reads_is_documented(name: str) -> None:
    assert re.search(rf"\b{name}\b", DOCUMENTED)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_every_alert_links_to_what_to_do(alert: dict[str, dict[str, str]]) -> None:
    page, _, anchor = alert["annotations"]["runbook_url"].rpartition("/docs/")[2].partition("#")
    headings = re.findall(r"^## (\w+)$", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert anchor in {heading.lower() for heading in headings}
    assert anchor == str(alert["alert"]).lower()


def test_no_page_and_no_message_installs_a_package_that_is_not_published() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in OPERATOR.rglob("*.py"))
    installed = re.findall(r"(?:pip|uv|pipx) [\w -]*install[^\n`]*", DOCUMENTED + sources)
    assert installed
    assert [each for each in installed if re.search(r"internvl[-_]?operator\b(?!/)", each)] == []
