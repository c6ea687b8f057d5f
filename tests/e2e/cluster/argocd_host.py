"""The kind cluster as `tests.argocd` knows a cluster: Argo CD's processes run beside it, on this machine."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import yaml

from tests.cluster.apiserver.api import Api
from tests.cluster.guardian import Guardian
from tests.cluster.processes import Process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tests.e2e.cluster.kind_cluster import KindCluster

ACCOUNT = "argocd-outside"


class ArgocdHost:
    """What an installation of Argo CD asks of its cluster, in the words of `tests.cluster.control_plane`.

    Args:
        cluster: Where it deploys to.
        directory: An empty one, for its logs and its kubeconfig.

    Attributes:
        directory: The same.
        api: The API server's REST interface, as an administrator sees it.
    """

    def __init__(self, cluster: KindCluster, directory: Path) -> None:
        self.directory = directory
        self._cluster = cluster
        self._guardian = Guardian()
        self._processes: list[Process] = []
        self._kubeconfig = directory / "kubeconfig"
        self._write_kubeconfig()
        self.api = Api(self._kubeconfig)

    @property
    def server(self) -> str:
        """URL of the API server."""
        server: str = self._document()["clusters"][0]["cluster"]["server"]
        return server

    def kubeconfig(self) -> Path:
        """The kubeconfig of an administrator with a token, as Argo CD is told of a cluster."""
        return self._kubeconfig

    def kubectl(self, *arguments: str, input: str | None = None) -> str:  # noqa: A002
        """Run kubectl and return what it printed."""
        return self._cluster.kubectl(*arguments, given=input)

    def spawn(
        self, name: str, argv: Sequence[str], env: Mapping[str, str], ready: Callable[[], bool] = lambda: True
    ) -> Process:
        """Start a program, which `stop` ends."""
        process = Process(name, argv, self.directory / f"{name}.log", self._guardian, ready, env)
        self._processes.append(process)
        process.start()
        return process

    def stop(self) -> None:
        """End its programs."""
        for process in reversed(self._processes):
            process.stop()
        self.api.close()
        self._guardian.dismiss()

    def _write_kubeconfig(self) -> None:
        namespace = ("--namespace", "default")
        self.kubectl("create", "serviceaccount", ACCOUNT, *namespace)
        account = f"--serviceaccount=default:{ACCOUNT}"
        self.kubectl("create", "clusterrolebinding", ACCOUNT, "--clusterrole=cluster-admin", account)
        token = self.kubectl("create", "token", ACCOUNT, *namespace, "--duration=2h").strip()
        document = yaml.safe_load(self._cluster.kubeconfig.read_text())
        document["users"][0]["user"] = {"token": token}
        server = document["clusters"][0]["cluster"]
        authority = self.directory / "ca.crt"
        authority.write_bytes(base64.b64decode(server.pop("certificate-authority-data")))
        server["certificate-authority"] = str(authority)
        self._kubeconfig.touch(mode=0o600)
        self._kubeconfig.write_text(yaml.safe_dump(document))

    def _document(self) -> dict[str, list[dict[str, dict[str, str]]]]:
        document: dict[str, list[dict[str, dict[str, str]]]] = yaml.safe_load(self._kubeconfig.read_text())
        return document
