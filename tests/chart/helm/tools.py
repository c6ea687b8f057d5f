"""Helm and the checkers of its output, as functions."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.cluster.components import ENVIRONMENT
from tests.cluster.programs.binaries import locate

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

Object = dict[str, Any]

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "internvl-operator"
SCENARIOS = sorted((CHART / "ci").glob("*-values.yaml"))
RELEASE = "internvl-operator"
NAMESPACE = "internvl-system"
KUBERNETES = "1.37.0"
SECONDS = 180.0


class ToolError(RuntimeError):
    """A program ended with an error; the message is what it printed."""


def run(
    name: str,
    *arguments: str | Path,
    input: str | None = None,  # noqa: A002
    exit_codes: Container[int] = (0,),
) -> str:
    """Run a program of `versions.py` and give what it printed on standard output.

    Args:
        name: of the program.
        arguments: of its command line.
        input: its standard input.
        exit_codes: with which it may end.

    Raises:
        ToolError: it ended with an error.
    """
    command = [str(_program(name)), *map(str, arguments)]
    done = subprocess.run(
        command,
        input=input,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
        env={**os.environ, **ENVIRONMENT},
    )
    if done.returncode not in exit_codes:
        raise ToolError(f"{name} {' '.join(map(str, arguments))}:\n{done.stdout}{done.stderr}")
    return done.stdout


def rendered(
    values: Path | None = None, settings: Iterable[str] = (), namespace: str = NAMESPACE, chart: Path = CHART
) -> list[Object]:
    """Return the objects of the chart.

    Args:
        values: file of values.
        settings: as ``--set`` takes them.
        namespace: that the chart is installed in.
        chart: directory of the chart.
    """
    options = ["--values", str(values)] if values else []
    options += [part for setting in settings for part in ("--set", setting)]
    text = run(
        "helm", "template", RELEASE, chart, "--namespace", namespace, "--kube-version", KUBERNETES, *options
    )
    return documents(text)


def documents(text: str) -> list[Object]:
    """Return the objects that some YAML holds, read by libyaml: the CRD is long."""
    return [document for document in yaml.load_all(text, Loader=yaml.CSafeLoader) if document]


def of_kind(objects: Iterable[Object], *kinds: str) -> list[Object]:
    """Return the objects of some kinds."""
    return [item for item in objects if item["kind"] in kinds]


@cache
def _program(name: str) -> Path:
    return locate([name])[name]
