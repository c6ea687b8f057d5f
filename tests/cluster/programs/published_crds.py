"""CustomResourceDefinitions of other projects whose kinds the operator makes or works with."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.programs.binaries import cache_directory
from tests.cluster.programs.downloads import open_url


@dataclass(frozen=True, slots=True)
class PublishedCrd:
    """One CustomResourceDefinition.

    Attributes:
        github: ``owner/name`` of its repository.
        module: Go module that holds the repository.
        version: with the leading ``v``.
        path: in the repository.
    """

    github: str
    module: str
    version: str
    path: str


POD_MONITOR = PublishedCrd(
    github="prometheus-operator/prometheus-operator",
    module="github.com/prometheus-operator/prometheus-operator",
    version="v0.85.0",
    path="example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml",
)
PROMETHEUS_RULE = PublishedCrd(
    github="prometheus-operator/prometheus-operator",
    module="github.com/prometheus-operator/prometheus-operator",
    version="v0.85.0",
    path="example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
)
SCALED_OBJECT = PublishedCrd(
    github="kedacore/keda",
    module="github.com/kedacore/keda/v2",
    version="v2.21.0",
    path="config/crd/bases/keda.sh_scaledobjects.yaml",
)
HTTP_ROUTE = PublishedCrd(
    github="kubernetes-sigs/gateway-api",
    module="sigs.k8s.io/gateway-api",
    version="v1.6.3",
    path="config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",
)
INTERCEPTOR_ROUTE = PublishedCrd(
    github="kedacore/http-add-on",
    module="github.com/kedacore/http-add-on",
    version="v0.15.0",
    path="config/crd/bases/http.keda.sh_interceptorroutes.yaml",
)
INFERENCE_POOL = PublishedCrd(
    github="kubernetes-sigs/gateway-api-inference-extension",
    module="sigs.k8s.io/gateway-api-inference-extension",
    version="v1.5.0",
    path="config/crd/bases/inference.networking.k8s.io_inferencepools.yaml",
)
CHILDREN_CRDS = (POD_MONITOR, HTTP_ROUTE, INFERENCE_POOL, INTERCEPTOR_ROUTE, SCALED_OBJECT)
"""Those of the kinds of children that a cluster may lack."""


def obtain(crd: PublishedCrd) -> Path:
    """Return the file of a definition: from the cache, downloaded, or from its Go module.

    Raises:
        RuntimeError: it could not be had.
    """
    name = Path(crd.path).name.removesuffix(".yaml")
    kept = cache_directory(os.environ).parent / "crds" / f"{name}-{crd.version}.yaml"
    if not kept.exists():
        content = _downloaded(crd) or _from_go_module(crd)
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(f".{os.getpid()}")
        partial.write_bytes(content)
        partial.replace(kept)
    return kept


def _downloaded(crd: PublishedCrd) -> bytes | None:
    try:
        with open_url(f"https://raw.githubusercontent.com/{crd.github}/{crd.version}/{crd.path}") as response:
            return response.read()
    except OSError:
        return None


def _from_go_module(crd: PublishedCrd) -> bytes:
    command = ["go", "mod", "download", "-json", f"{crd.module}@{crd.version}"]
    # Outside of any module, so that none is changed by it.
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode != 0:
        raise RuntimeError(
            f"{crd.path} of {crd.github} {crd.version} is neither downloadable nor in Go modules: {done.stderr}"
        )
    return (Path(json.loads(done.stdout)["Dir"]) / crd.path).read_bytes()
