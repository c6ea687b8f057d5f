"""Where the customizations are, and the entries of argocd-cm made from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from internvl_operator.api.v1alpha1 import GROUP, KIND

EXAMPLES = Path(__file__).parents[2] / "examples" / "argocd"
CUSTOMIZATIONS = EXAMPLES / "resource_customizations" / GROUP / KIND
"""In the layout of Argo CD's own repository."""
HEALTH = CUSTOMIZATIONS / "health.lua"
ACTIONS = CUSTOMIZATIONS / "actions"
ARGOCD_CM = EXAMPLES / "argocd-cm.yaml"


class _Dumper(yaml.SafeDumper):
    """Writes scripts as literal blocks."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def to_yaml(value: object) -> str:
    """An object as YAML, with texts of several lines as literal blocks and keys in the given order."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)


def action_names() -> list[str]:
    """Names of the actions."""
    return sorted(path.parent.name for path in ACTIONS.glob("*/action.lua"))


def argocd_cm() -> dict[str, Any]:
    """The part of the ConfigMap argocd-cm that makes Argo CD know the kind."""
    actions = {
        "discovery.lua": (ACTIONS / "discovery.lua").read_text(encoding="utf-8"),
        "definitions": [
            {"name": name, "action.lua": (ACTIONS / name / "action.lua").read_text(encoding="utf-8")}
            for name in action_names()
        ],
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "argocd-cm", "labels": {"app.kubernetes.io/part-of": "argocd"}},
        "data": {
            f"resource.customizations.health.{GROUP}_{KIND}": HEALTH.read_text(encoding="utf-8"),
            f"resource.customizations.actions.{GROUP}_{KIND}": to_yaml(actions),
        },
    }
