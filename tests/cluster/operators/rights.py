"""The operator's rights on the real API server: those that the Helm chart grants."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import yaml

Rule = dict[str, list[str]]

TEMPLATE = Path(__file__).parents[3] / "charts" / "internvl-operator" / "templates" / "rbac.yaml"
LEASE = "internvl-operator"
"""The name of the Lease of an installation whose release has the chart's name."""

WITHHELD = "INTERNVL_TEST_WITHOUT_RIGHT"
"""Environment variable with a right to leave out, as ``verb resource``: the test that needs it must fail."""


@cache
def chart_rules(name: str) -> list[Rule]:
    """Return the rules of one list of the chart: ``rules``, ``nodeRules`` or ``leaseRules``.

    The lists hold no template syntax, so Helm is not needed to read them; a test compares with what it renders.
    """
    opening = f'{{{{- define "internvl-operator.{name}" -}}}}'
    text = TEMPLATE.read_text().split(opening)[1].split("{{- end }}")[0]
    rules: list[Rule] = yaml.safe_load(text.replace("LEASE", LEASE))
    return rules


def rights(*names: str) -> list[Rule]:
    """Return the rules of some lists of the chart, less the right that the environment withholds."""
    withheld = os.environ.get(WITHHELD)
    return [
        {**rule, "resources": [resource], "verbs": [verb]}
        for name in names
        for rule in chart_rules(name)
        for resource in rule["resources"]
        for verb in rule["verbs"]
        if f"{verb} {resource}" != withheld
    ]
