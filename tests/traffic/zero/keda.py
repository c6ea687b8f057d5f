"""KEDA's operator, and the interceptor and the scaler of its HTTP add-on, as processes beside a local cluster."""

from __future__ import annotations

import os
import socket
import subprocess
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tests.cluster.components import free_ports
from tests.cluster.custom_resources import install_crds
from tests.cluster.operators.operator_process import answers
from tests.cluster.programs.binaries import locate
from tests.cluster.programs.published_crds import INTERCEPTOR_ROUTE, SCALED_OBJECT, obtain
from tests.cluster.waiting import apply, create_namespace

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.control_plane import LocalCluster
    from tests.cluster.processes import Process

USER = "keda"
"""Whose token all three have, with an administrator's rights: what KEDA's own charts grant is not tested here."""

GROUPS = ("system:masters",)

_NAMESPACE = "keda"
_ADMIN_SERVICE = "keda-add-ons-http-interceptor-admin"
_PROGRAMS = ("keda-operator", "keda-http-interceptor", "keda-http-scaler")
# The informers of KEDA's processes do not start without the CRDs of kinds that nobody uses here.
_CRDS = (
    INTERCEPTOR_ROUTE,
    replace(INTERCEPTOR_ROUTE, path="config/crd/bases/http.keda.sh_httpscaledobjects.yaml"),
    SCALED_OBJECT,
    *(
        replace(SCALED_OBJECT, path=f"config/crd/bases/{name}.yaml")
        for name in (
            "keda.sh_scaledjobs",
            "keda.sh_triggerauthentications",
            "keda.sh_clustertriggerauthentications",
            "eventing.keda.sh_cloudeventsources",
            "eventing.keda.sh_clustercloudeventsources",
        )
    ),
)


def programs() -> dict[str, Path]:
    """Return the paths of the three programs, which are built where they are missing."""
    return locate(_PROGRAMS)


def install(cluster: LocalCluster) -> None:
    """Make KEDA's kinds known, and its namespace."""
    install_crds(cluster, *map(obtain, _CRDS))
    create_namespace(cluster, _NAMESPACE)


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the three listen."""

    proxy: int
    admin: int
    scaler: int
    keda_metrics: int
    keda_health: int
    keda_service: int

    @staticmethod
    def free() -> Ports:
        """Return ports that nobody uses."""
        return Ports(*free_ports(6))


@dataclass(frozen=True, slots=True)
class Keda:
    """The three processes: each can be stopped and started by itself."""

    operator: Process
    interceptor: Process
    scaler: Process


def start(cluster: LocalCluster, ports: Ports, *, address: str, hosts: Path) -> Keda:
    """Start the three.

    Args:
        cluster: that they serve, and that ends them.
        ports: where they listen.
        address: of this machine, which no loopback address may be in an EndpointSlice.
        hosts: what stands in for the cluster's DNS, for the interceptor: its file /etc/hosts.
    """
    found = programs()
    environment = {**os.environ, "KUBECONFIG": str(cluster.kubeconfig(USER))}
    apply(cluster, *_admin_service(address, ports.admin))
    interceptor = cluster.spawn(
        "keda-http-interceptor",
        [*_with_hosts(hosts), str(found["keda-http-interceptor"])],
        {
            **environment,
            "KEDA_HTTP_PROXY_PORT": str(ports.proxy),
            "KEDA_HTTP_ADMIN_PORT": str(ports.admin),
            "OTEL_PROM_EXPORTER_ENABLED": "false",
        },
        lambda: answers(f"http://127.0.0.1:{ports.admin}/readyz"),
    )
    scaler = cluster.spawn(
        "keda-http-scaler",
        [str(found["keda-http-scaler"])],
        {
            **environment,
            "KEDA_HTTP_SCALER_PORT": str(ports.scaler),
            "KEDA_HTTP_SCALER_TARGET_ADMIN_NAMESPACE": _NAMESPACE,
            "KEDA_HTTP_SCALER_TARGET_ADMIN_SERVICE": _ADMIN_SERVICE,
            "KEDA_HTTP_SCALER_TARGET_ADMIN_DEPLOYMENT": "keda-add-ons-http-interceptor",
            "KEDA_HTTP_SCALER_TARGET_ADMIN_PORT": str(ports.admin),
            "OTEL_PROM_EXPORTER_ENABLED": "false",
        },
        lambda: _is_open(ports.scaler),
    )
    operator = cluster.spawn(
        "keda-operator",
        [
            str(found["keda-operator"]),
            f"--metrics-bind-address=127.0.0.1:{ports.keda_metrics}",
            f"--health-probe-bind-address=127.0.0.1:{ports.keda_health}",
            f"--metrics-service-bind-address=127.0.0.1:{ports.keda_service}",
            f"--cert-dir={_certificates(cluster.directory / 'keda-certificates')}",
        ],
        {
            **environment,
            "POD_NAMESPACE": _NAMESPACE,
            "KEDA_CLUSTER_OBJECT_NAMESPACE": _NAMESPACE,
            "WATCH_NAMESPACE": "",
            # KEDA gives its own requests the polling interval and this: in all the 15 s of the product.
            "KEDA_KUBERNETES_API_TIMEOUT": "14s",
        },
        lambda: answers(f"http://127.0.0.1:{ports.keda_health}/readyz"),
    )
    return Keda(operator, interceptor, scaler)


def _with_hosts(hosts: Path) -> list[str]:
    """Return what runs a program with a file /etc/hosts of its own."""
    return ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts)]


def _admin_service(address: str, port: int) -> list[dict[str, object]]:
    """Return the Service by which the scaler finds the interceptors, and its only endpoint."""
    metadata = {"name": _ADMIN_SERVICE, "namespace": _NAMESPACE}
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": port}]}},
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**metadata, "labels": {"kubernetes.io/service-name": _ADMIN_SERVICE}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
            "ports": [{"port": port}],
        },
    ]


def _certificates(directory: Path) -> Path:
    """Make what KEDA's operator wants to listen for its metrics server, which does not run here."""
    directory.mkdir()
    key, certificate = directory / "tls.key", directory / "tls.crt"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    files = ["-subj", "/CN=keda-operator", "-days", "2", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, *files], check=True, capture_output=True)
    (directory / "ca.crt").write_bytes(certificate.read_bytes())
    return directory


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
