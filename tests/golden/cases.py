"""Resources whose manifests are kept as files, and the form in which they are kept."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from internvl_operator.manifests.labels import PLAN_ANNOTATION, TEMPLATE_ANNOTATION
from tests.cluster.specs.right import RICH
from tests.cluster.specs.table import Spec, at
from tests.rendering import children_of

DIRECTORY = Path(__file__).parent
EXAMPLES = DIRECTORY.parents[1] / "examples"

_SCRIPT = (files("internvl_operator.init_container") / "fetch_model.py").read_text(encoding="utf-8")
_SCRIPT_SHOWN = "(the text of manifests/fetch_model.py)"
_TEMPLATE_SHOWN = "(spec.template, as JSON)"

_HEADER = """\
# What the controller applies on nodes with eight A100 80 GB, but for owner references. Written by
# `python -m tests.golden`. Two texts are left out and the plan's JSON is shown as YAML, so that this can be read.
"""


def cases() -> dict[str, tuple[str, Spec]]:
    """Name of the file -> name and spec of the resource."""
    return _examples() | {
        name: ("captions", spec)
        for name, spec in {
            "every-field": RICH,
            "awq-on-two-gpus": {"size": "76B", "quantization": "AWQ", "engine": {"tp": 2}},
            "claim": at("model.source.persistentVolumeClaim", {"name": "models", "path": "internvl2/8b"}),
            "cache": at("model.cache", {"size": "100Gi"}),
            "cache-in-a-claim": {
                **at("model", {"revision": "refs/pr/1", "cache": {"claimName": "models"}}),
                "replicas": 2,
            },
            "image": at("model.source.image", {"reference": "registry.example.com/internvl2-8b:v1"}),
            "gateway": at(
                "gateway",
                {
                    "parentRefs": [{"name": "inference", "namespace": "gateways"}],
                    "balancing": "InferencePool",
                },
            ),
            "mig": at("gpu.resource", "nvidia.com/mig-3g.40gb"),
            "scale-to-zero": {"size": "8B", "autoscaling": {"minReplicas": 0, "maxReplicas": 2}},
            "engine-0.5.3": at("engine.version", "0.5.3"),
            "engine-0.12.3": at("engine.version", "0.12.3"),
            "engine-0.16.0": at("engine.version", "0.16.0"),
        }.items()
    }


def _examples() -> dict[str, tuple[str, Spec]]:
    resources = {path: yaml.safe_load(path.read_text()) for path in sorted(EXAMPLES.glob("*.yaml"))}
    return {
        f"example-{path.stem}": (body["metadata"]["name"], body["spec"])
        for path, body in resources.items()
        if body["kind"] == "InternVLDeployment"
    }


def rendered(name: str, spec: Spec) -> str:
    """The content of the file of a resource."""
    manifests = [_readable(child) for child in children_of(spec, name)]
    return _HEADER + yaml.dump_all(
        manifests, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True, explicit_start=True
    )


def _readable(manifest: dict[str, Any]) -> Any:
    """The manifest, the texts in it that only programs read replaced by what they say."""
    annotations = manifest["metadata"]["annotations"]
    if TEMPLATE_ANNOTATION not in annotations:
        return manifest
    assert json.loads(annotations[TEMPLATE_ANNOTATION]) == manifest["spec"]["template"]
    shown = annotations | {
        PLAN_ANNOTATION: json.loads(annotations[PLAN_ANNOTATION]),
        TEMPLATE_ANNOTATION: _TEMPLATE_SHOWN,
    }
    return _without_script({**manifest, "metadata": {**manifest["metadata"], "annotations": shown}})


def _without_script(value: Any) -> Any:
    match value:
        case dict():
            return {key: _without_script(item) for key, item in value.items()}
        case list():
            return [_without_script(item) for item in value]
        case _:
            return _SCRIPT_SHOWN if value == _SCRIPT else value


class _Dumper(yaml.SafeDumper):
    """Writes each object in full where it stands, never as an alias of another."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True
