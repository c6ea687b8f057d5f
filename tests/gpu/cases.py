"""What is tried: resources that should serve, and plans that the planner refuses, forced on the engine."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import yaml

from internvl_operator.__main__ import main
from tests.gpu.container.manifest import Container, container_of


@dataclass(frozen=True, slots=True)
class Case:
    """A resource, and how it should fare.

    Attributes:
        name: Of the case.
        spec: As a user writes it.
        card_mib: Memory of a smaller card that the GPU stands for; None: the GPU as it is.
        cache_max_entry_count: Forced on the engine in place of the plan's; None: the Deployment as rendered.
        outcome: Of the plan, the forced one where there is one.
        gpus: That the Deployment takes.
    """

    name: str
    spec: dict[str, Any]
    card_mib: int | None = None
    cache_max_entry_count: float | None = None
    outcome: str = "ok"
    gpus: int = 1

    @property
    def is_of_further_series(self) -> bool:
        """Whether the model is of a series after InternVL2; those were run on a day of their own."""
        return "series" in self.spec


_SMALL = {"size": "2B", "quantization": "None", "engine": {"sessions": 1}}
_SMALL_MIB = 8192

CASES: dict[str, Case] = {
    case.name: case
    for case in (
        Case("1B", {"size": "1B"}),
        Case("2B", {"size": "2B", "quantization": "None"}),
        Case("8B", {"size": "8B", "quantization": "None"}),
        Case("8B-AWQ", {"size": "8B", "quantization": "AWQ"}),
        Case("26B-AWQ", {"size": "26B", "quantization": "AWQ"}),
        Case("4B", {"size": "4B"}),
        Case("8B-24GB", {"size": "8B", "quantization": "None", "engine": {"sessions": 1}}, 23034),
        Case("2B-8GB", _SMALL, _SMALL_MIB),
        Case("2B-8GB-oom", _SMALL, _SMALL_MIB, 0.8, "oom"),
        Case("2B-8GB-no-kv", _SMALL, _SMALL_MIB, 0.2, "no_kv_for_session"),
        Case("8B-2GPUs", {"size": "8B", "quantization": "None", "engine": {"tp": 2}}, gpus=2),
        Case("40B-2GPUs", {"size": "40B", "quantization": "None"}, gpus=2),
        Case("3.5-8B", {"series": "InternVL3.5", "size": "8B"}),
        Case("3.5-8B-24GB", {"series": "InternVL3.5", "size": "8B", "engine": {"sessions": 1}}, 23034),
        Case("3.5-4B", {"series": "InternVL3.5", "size": "4B"}),
        Case("3.5-30B-A3B", {"series": "InternVL3.5", "size": "30B-A3B"}),
        Case("3-8B", {"series": "InternVL3", "size": "8B", "quantization": "None"}),
        Case("3-14B-AWQ", {"series": "InternVL3", "size": "14B", "quantization": "AWQ"}),
        Case("2.5-4B", {"series": "InternVL2.5", "size": "4B", "quantization": "None"}),
    )
}


def rendered(case: Case, product: str) -> str:
    """Return what ``internvl render`` prints for a case.

    Raises:
        subprocess.CalledProcessError: it was refused; the message is on the standard error.
    """
    resource = {
        "apiVersion": "internvl.dev/v1alpha1",
        "kind": "InternVLDeployment",
        "metadata": {"name": f"gpu-{case.name.lower().replace('.', '-')}", "namespace": "default"},
        "spec": case.spec,
    }
    gpu = ["--gpu", product]
    if case.card_mib:
        gpu = ["--gpu-memory", f"{case.card_mib}Mi"]
    return _internvl("render", "-f", "-", *gpu, standard_input=json.dumps(resource))


def container(manifests: str) -> Container:
    """Return the serving container of rendered manifests."""
    documents = yaml.safe_load_all(manifests)
    (deployment,) = [document for document in documents if document["kind"] == "Deployment"]
    return container_of(deployment)


def predicted(case: Case) -> dict[str, Any]:
    """Return what ``internvl plan`` refuses, for a case with a forced share for the KV cache."""
    options = ["--gpu-memory", f"{case.card_mib}Mi", "--quantization", case.spec["quantization"]]
    options += ["--tp", "1", "--cache-max-entry-count", str(case.cache_max_entry_count)]
    plan: dict[str, Any] = json.loads(_internvl("plan", case.spec["size"], *options, "-o", "json", status=3))
    return plan


def _internvl(*arguments: str, standard_input: str = "", status: int = 0) -> str:
    """Return what the command prints; it runs in this process, as starting it would take longer than its work."""
    output = io.StringIO()
    with redirect_stdout(output), patch.object(sys, "stdin", io.StringIO(standard_input)):
        code = main(arguments)
    if code != status:
        raise subprocess.CalledProcessError(code, ["internvl", *arguments])
    return output.getvalue()
