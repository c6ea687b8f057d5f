"""The Applications of examples/argocd/, as they are applied on a local cluster."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from tests.argocd.customizations import EXAMPLES
from tests.argocd.sync.installation import CLUSTER_NAME, NAMESPACE
from tests.cluster.waiting import apply, eventually, get

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.cluster.control_plane import LocalCluster

MODELS = EXAMPLES / "application.yaml"
OPERATOR = EXAMPLES / "operator.yaml"
# Long enough for Argo CD's waits between two attempts of a sync.
SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Diff:
    """A way of applying and comparing."""

    annotations: Mapping[str, str] = field(default_factory=dict)
    sync_options: tuple[str, ...] = ()


CLIENT_SIDE = Diff()
SERVER_SIDE = Diff({"argocd.argoproj.io/compare-options": "ServerSideDiff=true"}, ("ServerSideApply=true",))


@dataclass(frozen=True, slots=True)
class Example:
    """One of the Applications of the example.

    Attributes:
        name: Of the Application, and of the namespace that it deploys to.
        file: Its manifest.
        diff: How it is applied and compared.
        values: Of the chart, when it deploys one.
    """

    name: str
    file: Path
    diff: Diff
    values: Mapping[str, Any] = field(default_factory=dict)

    def manifest(self, repository_url: str) -> dict[str, Any]:
        """The Application: that of the file, but for where it deploys from and to."""
        application: dict[str, Any] = yaml.safe_load(self.file.read_text(encoding="utf-8"))
        application["metadata"] |= {"name": self.name, "annotations": self.diff.annotations}
        spec = application["spec"]
        spec["source"]["repoURL"] = repository_url
        if self.values:
            spec["source"]["helm"]["valuesObject"] = self.values
        spec["destination"] = {"name": CLUSTER_NAME, "namespace": self.name}
        spec["syncPolicy"]["syncOptions"] += self.diff.sync_options
        return application


class Applications:
    """Applications on a cluster.

    Args:
        cluster: Where Argo CD is installed.
        repository_url: From which they deploy.
    """

    def __init__(self, cluster: LocalCluster, repository_url: str) -> None:
        self._cluster = cluster
        self._repository_url = repository_url

    def apply(self, example: Example) -> None:
        """Create an Application, or change it."""
        apply(self._cluster, example.manifest(self._repository_url))

    def delete(self, example: Example) -> None:
        """Delete an Application, without waiting for what it takes along."""
        self._cluster.kubectl("delete", "application", example.name, "-n", NAMESPACE, "--wait=false")

    def exists(self, example: Example) -> bool:
        """Whether an Application is there, be it one that goes."""
        return get(self._cluster, "application", example.name, NAMESPACE) is not None

    def status(self, example: Example) -> dict[str, Any]:
        """What Argo CD says of an Application."""
        found = get(self._cluster, "application", example.name, NAMESPACE) or {}
        status: dict[str, Any] = found.get("status", {})
        return status

    def compare(self, example: Example) -> None:
        """Let Argo CD compare an Application with Git now, and wait until it has."""
        before = self.status(example).get("reconciledAt")
        annotation = {"metadata": {"annotations": {"argocd.argoproj.io/refresh": "normal"}}}
        self._cluster.kubectl(
            *("patch", "application", example.name, "-n", NAMESPACE),
            *("--type=merge", f"--patch={json.dumps(annotation)}"),
        )
        eventually(
            lambda: self.status(example).get("reconciledAt") != before, f"{example.name} compared", SECONDS
        )

    def wait_synced(self, example: Example, health: str = "Healthy") -> None:
        """Wait until an Application is in sync, with a health."""

        def arrived() -> bool:
            status = self.status(example)
            shown = (status.get("sync", {}).get("status"), status.get("health", {}).get("status"))
            return shown == ("Synced", health)

        try:
            eventually(arrived, f"{example.name} Synced and {health}", SECONDS)
        except AssertionError as error:
            error.add_note(json.dumps(self.status(example), indent=2))
            raise
