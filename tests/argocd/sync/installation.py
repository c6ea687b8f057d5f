"""Argo CD on a local cluster: its application controller, its repository server and Redis, as processes."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from tests.argocd.customizations import ARGOCD_CM
from tests.argocd.sync.redis import redis
from tests.cluster.components import free_ports, healthy
from tests.cluster.custom_resources import install_crds
from tests.cluster.programs.binaries import locate
from tests.cluster.programs.go_build import module_directory
from tests.cluster.programs.versions import ARGO_CD

if TYPE_CHECKING:
    from tests.cluster.control_plane import LocalCluster

NAMESPACE = "argocd"
CLUSTER_NAME = "local"
RESYNC_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Ports:
    """Where its processes listen on 127.0.0.1."""

    redis: int
    repository_server: int
    repository_server_metrics: int
    controller_metrics: int


class Installation:
    """Argo CD, installed from its own manifests and running with an administrator's rights.

    Args:
        cluster: Stops it in the end.
    """

    def __init__(self, cluster: LocalCluster) -> None:
        self._cluster = cluster
        self._ports = Ports(*free_ports(4))
        self._program = str(locate(["argocd"])["argocd"])
        self._install()
        self._start()

    def _install(self) -> None:
        manifests = module_directory(ARGO_CD) / "manifests"
        install_crds(
            self._cluster,
            *(manifests / "crds" / f"{kind}-crd.yaml" for kind in ("application", "appproject")),
        )
        self._cluster.kubectl("create", "namespace", NAMESPACE)
        settings = (manifests / "base" / "config").glob("argocd-*.yaml")
        for path in settings:
            self._cluster.kubectl("apply", "-n", NAMESPACE, "-f", str(path))
        # As the file's own header says.
        self._cluster.kubectl(
            *("apply", "--server-side", "--field-manager=internvl-customizations"),
            *("-n", NAMESPACE, "-f", str(ARGOCD_CM)),
        )
        for manifest in (_project(), self._destination()):
            self._cluster.kubectl("apply", "-n", NAMESPACE, "-f", "-", input=json.dumps(manifest))

    def _destination(self) -> dict[str, Any]:
        """The cluster, as a process outside of it must be told."""
        user = yaml.safe_load(self._cluster.kubeconfig().read_text())["users"][0]["user"]
        config = {"bearerToken": user["token"], "tlsClientConfig": {"insecure": True}}
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "cluster-local", "labels": {"argocd.argoproj.io/secret-type": "cluster"}},
            "stringData": {
                "name": CLUSTER_NAME,
                "server": self._cluster.server,
                "config": json.dumps(config),
            },
        }

    def _start(self) -> None:
        ports = self._ports
        server = redis()
        self._cluster.spawn(
            "redis",
            [str(server.program), "--port", str(ports.redis), "--bind", "127.0.0.1", "--save", ""],
            server.environment,
        )
        self._spawn(
            "argocd-repo-server",
            ports.repository_server_metrics,
            *("--address", "127.0.0.1", "--port", str(ports.repository_server), "--disable-tls"),
            *("--metrics-address", "127.0.0.1", "--metrics-port", str(ports.repository_server_metrics)),
        )
        self._spawn(
            "argocd-application-controller",
            ports.controller_metrics,
            *("--kubeconfig", str(self._cluster.kubeconfig()), "--namespace", NAMESPACE),
            *("--repo-server", f"127.0.0.1:{ports.repository_server}", "--repo-server-plaintext"),
            *("--metrics-port", str(ports.controller_metrics)),
            *("--app-resync", str(RESYNC_SECONDS), "--app-resync-jitter", "0"),
        )

    def _spawn(self, name: str, metrics_port: int, *arguments: str) -> None:
        directory = self._cluster.directory / name
        directory.mkdir()
        helm = locate(["helm"])["helm"].parent
        environment = {
            **os.environ,
            "PATH": f"{helm}:{os.environ['PATH']}",
            "ARGOCD_BINARY_NAME": name,
            "ARGOCD_GPG_ENABLED": "false",
            "ARGOCD_GNUPGHOME": str(directory),
            "ARGOCD_TLS_DATA_PATH": str(directory),
            "ARGOCD_SSH_DATA_PATH": str(directory),
            "HOME": str(directory),
            "TMPDIR": str(directory),
        }
        self._cluster.spawn(
            name,
            [self._program, "--redis", f"127.0.0.1:{self._ports.redis}", *arguments],
            environment,
            lambda: healthy(f"http://127.0.0.1:{metrics_port}/healthz"),
        )


def _project() -> dict[str, Any]:
    """The project that every installation has: anything to anywhere."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "default"},
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"namespace": "*", "server": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
        },
    }
