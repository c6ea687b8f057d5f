"""KEDA's operator, and the interceptor and scaler of its HTTP add-on, as processes beside a local cluster."""

from __future__ import annotations

import os
import socket
import subprocess
from functools import partial
from typing import TYPE_CHECKING

from tests.cluster.api import RefusedError
from tests.cluster.binaries import locate
from tests.cluster.components import free_ports
from tests.cluster.custom_resources import install_crds
from tests.cluster.published_crds import INTERCEPTOR_ROUTE, SCALED_OBJECT, PublishedCrd, obtain
from tests.cluster.versions import KEDA, KEDA_HTTP

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.control_plane import LocalCluster
    from tests.cluster.processes import Process

NAMESPACE = "keda"
PROGRAMS = (*KEDA.packages, *KEDA_HTTP.packages)
_ADMIN_SERVICE = "keda-add-ons-http-interceptor-admin"
_OTHER_CRDS = (
    *(f"config/crd/bases/keda.sh_{name}.yaml" for name in ("scaledjobs", "triggerauthentications")),
    "config/crd/bases/keda.sh_clustertriggerauthentications.yaml",
    "config/crd/bases/eventing.keda.sh_cloudeventsources.yaml",
    "config/crd/bases/eventing.keda.sh_clustercloudeventsources.yaml",
)


def install_keda(cluster: LocalCluster) -> None:
    """Install every kind that KEDA and its add-on watch, and the namespace in which they look for each other."""
    crds = [
        INTERCEPTOR_ROUTE,
        PublishedCrd(
            "kedacore/http-add-on",
            KEDA_HTTP.module,
            KEDA_HTTP.version,
            "config/crd/bases/http.keda.sh_httpscaledobjects.yaml",
        ),
        SCALED_OBJECT,
        *(PublishedCrd("kedacore/keda", KEDA.module, KEDA.version, path) for path in _OTHER_CRDS),
    ]
    install_crds(cluster, *map(obtain, crds))
    cluster.kubectl("create", "namespace", NAMESPACE)


class Keda:
    """The three processes. KEDA's metrics adapter and webhooks, which scaling 0 to 1 does not need, do not run.

    Args:
        cluster: with KEDA's kinds.
        directory: for certificates.
        names: of hosts that lead to this machine, for the interceptor.
    """

    def __init__(self, cluster: LocalCluster, directory: Path, names: list[str]) -> None:
        programs = locate(PROGRAMS)
        self.proxy_port, admin, scaler, health, metrics, grpc = free_ports(6)
        self.scaler_address = f"127.0.0.1:{scaler}"
        environment = {
            **os.environ,
            "KUBECONFIG": str(cluster.kubeconfig()),
            "OTEL_PROM_EXPORTER_ENABLED": "false",
            "WATCH_NAMESPACE": "",
            "POD_NAMESPACE": NAMESPACE,
            "KEDA_CLUSTER_OBJECT_NAMESPACE": NAMESPACE,
            "KEDA_HTTP_PROXY_PORT": str(self.proxy_port),
            "KEDA_HTTP_ADMIN_PORT": str(admin),
            "KEDA_HTTP_SCALER_PORT": str(scaler),
            "KEDA_HTTP_SCALER_TARGET_ADMIN_NAMESPACE": NAMESPACE,
            "KEDA_HTTP_SCALER_TARGET_ADMIN_SERVICE": _ADMIN_SERVICE,
            "KEDA_HTTP_SCALER_TARGET_ADMIN_DEPLOYMENT": "keda-add-ons-http-interceptor",
            "KEDA_HTTP_SCALER_TARGET_ADMIN_PORT": str(admin),
        }
        _announce(cluster, admin)
        spawn = partial(cluster.spawn, env=environment)
        interceptor = [str(programs["keda-http-interceptor"])]
        self.interceptor = spawn(
            "interceptor",
            _with_names(names, directory, interceptor),
            ready=partial(_listens, self.proxy_port),
        )
        self.scaler = spawn("scaler", [str(programs["keda-http-scaler"])], ready=partial(_listens, scaler))
        self.operator = spawn(
            "keda-operator",
            [
                str(programs["keda-operator"]),
                f"--cert-dir={_certificates(directory / 'certificates')}",
                f"--health-probe-bind-address=127.0.0.1:{health}",
                f"--metrics-bind-address=127.0.0.1:{metrics}",
                f"--metrics-service-bind-address=127.0.0.1:{grpc}",
            ],
            ready=partial(_listens, health),
        )

    @property
    def processes(self) -> tuple[Process, ...]:
        """All three."""
        return self.interceptor, self.scaler, self.operator


def _announce(cluster: LocalCluster, port: int) -> None:
    """Say where the interceptor's admin server listens, from which the scaler reads how many requests there are."""
    body = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": _ADMIN_SERVICE,
            "namespace": NAMESPACE,
            "labels": {"kubernetes.io/service-name": _ADMIN_SERVICE},
        },
        "addressType": "IPv4",
        "ports": [{"name": "admin", "port": port}],
        # A loopback address would be refused.
        "endpoints": [{"addresses": [_own_address()], "conditions": {"ready": True}}],
    }
    path = f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices"
    answer = cluster.api.request("POST", path, body)
    if answer.code not in (201, 409):
        raise RefusedError(answer.message)


def _own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Nothing is sent: the system says from which address it would be.
        probe.connect(("198.51.100.1", 9))
        return str(probe.getsockname()[0])


def _with_names(names: list[str], directory: Path, command: list[str]) -> list[str]:
    """Return a command that finds names on this machine: in a mount namespace with a hosts file of its own."""
    hosts = directory / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {' '.join(names)}\n")
    script = f"mount --bind {hosts} /etc/hosts && exec {' '.join(command)}"
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script]


def _certificates(directory: Path) -> Path:
    """Make what KEDA's metrics service needs to start, though nobody asks it here."""
    directory.mkdir(parents=True)
    key, certificate = directory / "tls.key", directory / "tls.crt"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=keda"]
    subprocess.run([*command, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    (directory / "ca.crt").write_bytes(certificate.read_bytes())
    return directory


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
