"""A model that sleeps, with its engines, and the operator that looks after it."""

from __future__ import annotations

import json
import os
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.cluster.operator_process import resource, spawn_operator
from tests.cluster.waiting import apply, condition, create_namespace, eventually, get
from tests.stub.server import MODEL
from tests.traffic.zero.engines import Engines

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.control_plane import LocalCluster
    from tests.cluster.processes import Process
    from tests.traffic.zero.keda import Keda

NAMESPACES = ("traffic", "races")
_NAME = "captions"
_SECONDS = 120.0


class SleepingModel:
    """An InternVLDeployment with minReplicas 0.

    Args:
        cluster: where it is.
        namespace: is made.
        directory: for its engines.
    """

    def __init__(self, cluster: LocalCluster, namespace: str, directory: Path) -> None:
        create_namespace(cluster, namespace)
        self._cluster = cluster
        self._namespace = namespace
        self._engines = Engines(cluster, namespace, directory)
        self._spec = {
            # The files are there already, so that the plan has no download in its times.
            "model": {"source": {"image": {"reference": "registry.example.com/internvl2-1b:v1"}}},
            "server": {"port": self._engines.service.port, "modelName": MODEL},
            "podTemplate": {"labels": {"internvl.test/fate": "engine"}},
        }
        self._apply(autoscaling={"minReplicas": 0, "maxReplicas": 2})
        self._until("Ready")

    @property
    def host(self) -> str:
        """The header by which the interceptor knows it."""
        return (
            str(self._body()["status"]["wake"]["host"]) if self._is_sleepy else f"{_NAME}.{self._namespace}"
        )

    @property
    def replicas(self) -> int:
        """The number of replicas that KEDA asks for."""
        return int(self._body()["spec"]["replicas"])

    @property
    def waits_for_gpu(self) -> bool:
        """Whether its condition Ready says that it wakes and no GPU is free."""
        ready = condition(self._body(), "Ready")
        return bool(
            ready["reason"] == "WaitingForGPU" and ready["message"].startswith("waking, requests are held")
        )

    def sleep(self) -> None:
        """Stop the last replica as KEDA does after the cooldown, and wait until the resource says that it sleeps."""

        def is_idle() -> bool:
            return condition(self._get("scaledobject"), "Active").get("status") == "False"

        eventually(is_idle, "KEDA sees no request", _SECONDS)
        self._cluster.kubectl("scale", "ivl", _NAME, "-n", self._namespace, "--replicas=0")
        self._until("ScaledToZero")

    def take_over(self, cooldown: int) -> None:
        """Put the same objects of KEDA in the place of the operator's, with another cooldown."""
        taken = [self._copied(kind) for kind in ("interceptorroute", "scaledobject")]
        taken[1]["spec"] |= {
            "cooldownPeriod": cooldown,
            "initialCooldownPeriod": cooldown,
            "pollingInterval": 1,
        }
        self._apply()
        for kind in ("interceptorroute", "scaledobject"):
            eventually(partial(self._is_gone, kind), f"the operator's {kind} is gone", _SECONDS)
        apply(self._cluster, *taken)

    def close(self) -> None:
        """End its engines."""
        self._engines.close()

    @property
    def _is_sleepy(self) -> bool:
        return "wake" in self._body()["status"]

    def _apply(self, **spec: Any) -> None:
        apply(self._cluster, resource(_NAME, self._namespace, **self._spec, **spec))

    def _copied(self, kind: str) -> dict[str, Any]:
        live = self._get(kind)
        metadata = {"name": _NAME, "namespace": self._namespace}
        return {field: live[field] for field in ("apiVersion", "kind", "spec")} | {"metadata": metadata}

    def _until(self, reason: str) -> None:
        def ready() -> dict[str, Any]:
            return condition(self._body(), "Ready")

        eventually(
            lambda: (ready().get("status"), ready().get("reason")) == ("True", reason),
            lambda: f"{reason}: {json.dumps(ready())}",
            _SECONDS,
        )

    def _body(self) -> dict[str, Any]:
        return self._get("ivl")

    def _get(self, kind: str) -> dict[str, Any]:
        found = self._find(kind)
        assert found is not None, kind
        return found

    def _is_gone(self, kind: str) -> bool:
        return self._find(kind) is None

    def _find(self, kind: str) -> dict[str, Any] | None:
        return get(self._cluster, kind, _NAME, self._namespace)


def spawn(
    cluster: LocalCluster, keda: Keda, directory: Path, name: str, installed: Path | None = None
) -> Process:
    """Start an operator that knows where the interceptor and the scaler are.

    Args:
        cluster: where it works.
        keda: what wakes its models.
        directory: for its platform defaults.
        name: of the process.
        installed: the directory in which another version of it is installed; None: the sources.
    """
    defaults = directory / f"{name}.yaml"
    addresses = {"interceptor": f"127.0.0.1:{keda.proxy_port}", "scaler": keda.scaler_address}
    defaults.write_text(json.dumps({"kedaHttp": addresses}))
    environment = {"INTERNVL_PLATFORM_DEFAULTS": str(defaults)}
    if installed is not None:
        environment["PYTHONPATH"] = os.pathsep.join(
            filter(None, (str(installed), os.environ.get("PYTHONPATH")))
        )
    return spawn_operator(cluster, name, environment=environment)
