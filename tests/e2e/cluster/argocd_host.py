"""The kind cluster as `tests.argocd` knows a cluster: Argo CD's processes run beside it, on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.error import HTTPError

import yaml

from tests.cluster.guardian import Guardian
from tests.cluster.processes import Process
from tests.e2e.machine.shell import CommandError

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
    """

    def __init__(self, cluster: KindCluster, directory: Path) -> None:
        self.directory = directory
        self._cluster = cluster
        self._guardian = Guardian()
        self._processes: list[Process] = []
        self._kubeconfig = directory / "kubeconfig"
        self._write_kubeconfig()

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

    def get(self, path: str) -> str:
        """Return the body of a GET to the API server.

        Raises:
            HTTPError: It answers with an error.
        """
        try:
            return self._cluster.kubectl("get", "--raw", path)
        except CommandError as error:
            raise HTTPError(path, 404, str(error), None, None) from error  # type: ignore[arg-type]

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
        self._guardian.dismiss()

    def _write_kubeconfig(self) -> None:
        namespace = ("--namespace", "default")
        self.kubectl("create", "serviceaccount", ACCOUNT, *namespace)
        account = f"--serviceaccount=default:{ACCOUNT}"
        self.kubectl("create", "clusterrolebinding", ACCOUNT, "--clusterrole=cluster-admin", account)
        token = self.kubectl("create", "token", ACCOUNT, *namespace, "--duration=2h").strip()
        document = yaml.safe_load(self._cluster.kubeconfig.read_text())
        document["users"][0]["user"] = {"token": token}
        self._kubeconfig.touch(mode=0o600)
        self._kubeconfig.write_text(yaml.safe_dump(document))

    def _document(self) -> dict[str, list[dict[str, dict[str, str]]]]:
        document: dict[str, list[dict[str, dict[str, str]]]] = yaml.safe_load(self._kubeconfig.read_text())
        return document
