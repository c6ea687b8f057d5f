"""The operator as a Helm release on the kind cluster."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.cluster.waiting import eventually
from tests.e2e.cluster.images import CHART
from tests.e2e.cluster.kind_cluster import KindCluster, Object

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CRD = "internvldeployments.internvl.dev"


@dataclass(frozen=True)
class OperatorRelease:
    """A release of the operator's chart, whether it is installed or not.

    Attributes:
        cluster: Where it is.
        name: Of the release, and of its objects.
        namespace: That it is installed in.
    """

    cluster: KindCluster
    name: str = "internvl-operator"
    namespace: str = "internvl-system"

    def install(self, *options: str | Path, chart: Path = CHART, **values: Any) -> None:
        """Install or upgrade it, and wait until the operator is ready.

        Args:
            options: Of ``helm upgrade``.
            chart: Directory of the chart.
            values: Of the chart; what is not given has its default.
        """
        self.cluster.helm(
            *("upgrade", "--install", self.name, chart, "--namespace", self.namespace),
            *("--create-namespace", "--reset-values", "--wait", "--timeout", "150s", "--values", "-"),
            *options,
            given=json.dumps(values),
        )

    def uninstall(self) -> None:
        """Uninstall it, and wait until its pods are gone."""
        self.cluster.helm(
            "uninstall", self.name, "--namespace", self.namespace, "--wait", "--ignore-not-found"
        )
        eventually(lambda: not self.pods(), f"no pod of {self.name}", 60)

    def test(self) -> str:
        """Run the chart's own tests, and return what Helm says of them."""
        return self.cluster.helm("test", self.name, "--namespace", self.namespace, "--timeout", "60s")

    def pods(self) -> list[Object]:
        """Return the operator's pods that nobody has told to end."""
        return self.cluster.pods(self.namespace, f"app.kubernetes.io/instance={self.name}")

    def crd(self) -> Mapping[str, Any]:
        """Return the installed CustomResourceDefinition."""
        found = self.cluster.get("crd", CRD, "default")
        assert found is not None
        return found
