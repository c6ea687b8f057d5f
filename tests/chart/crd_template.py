"""Writes the chart's template of the CRD: `python -m tests.chart.crd_template CRD TEMPLATE`."""

from __future__ import annotations

import sys
from pathlib import Path

_OPENING = "{{- if .Values.crds.enabled }}\n"
_METADATA = """\
  labels:
    {{- include "internvl-operator.labels" . | nindent 4 }}
  {{- if .Values.crds.keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
"""
_CLOSING = "{{- end }}\n"


def crd_template(crd: str) -> str:
    """Return the template that renders a CRD with the chart's labels, when it is asked for.

    Raises:
        ValueError: the CRD's text would be read as template syntax, or has not the form that is expected.
    """
    if "{{" in crd:
        raise ValueError("the CRD holds template syntax")
    head, separator, rest = crd.partition("\nspec:\n")
    if not separator:
        raise ValueError("the CRD has no spec")
    return f"{_OPENING}{head}\n{_METADATA}spec:\n{rest}{_CLOSING}"


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:])
    target.write_text(crd_template(source.read_text()))
