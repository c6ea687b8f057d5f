"""A record of everything that Argo CD says of its Applications, from a watch that misses nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.argocd.sync.installation import NAMESPACE
from tests.cluster.programs.binaries import locate

if TYPE_CHECKING:
    from tests.cluster.control_plane import LocalCluster

FIELDS = ("metadata.name", "status.sync.status", "status.health.status", "status.reconciledAt")


@dataclass(frozen=True, slots=True)
class Entry:
    """What Argo CD said at one moment.

    Attributes:
        application: Of which.
        sync: For example ``Synced``; empty: it has not said.
        health: For example ``Healthy``; empty: it has not said.
        compared: When it last compared with Git.
    """

    application: str
    sync: str
    health: str
    compared: str


class Record:
    """Keeps what is said from now on.

    Args:
        cluster: Where Argo CD is installed.
    """

    def __init__(self, cluster: LocalCluster) -> None:
        columns = "|".join(f"{{.{field}}}" for field in FIELDS)
        self._log = cluster.log_file("applications")
        cluster.spawn(
            "applications",
            [
                str(locate(["kubectl"])["kubectl"]),
                f"--kubeconfig={cluster.kubeconfig()}",
                *("get", "applications", "-n", NAMESPACE, "--watch", f"--output=jsonpath={columns}{{'\\n'}}"),
            ],
        )

    def entries(self) -> list[Entry]:
        """All that was said, in order."""
        return [Entry(*line.split("|")) for line in self._log.read_text().splitlines()]
