"""What both commands run: an API server with the pods, the replicas, the endpoint picker and Envoy."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from internvl_operator.manifests.objects.gateway.inferencepool import PICKER_PORT
from tests.cluster.control_plane import LocalCluster
from tests.cluster.processes import Process
from tests.traffic import picker
from tests.traffic.envoy import Envoy
from tests.traffic.replicas import Replicas, namespace_of_pods

REPLICAS = 4


@dataclass(frozen=True, slots=True)
class Stand:
    """The parts between clients and replicas.

    Attributes:
        start_picker: starts another picker, under a name and at a port.
    """

    replicas: Replicas
    envoy: Envoy
    picker: Process
    start_picker: Callable[..., Process]


@contextmanager
def stand(*, has_api_key: bool = False, prefix_caching: str = "Auto") -> Iterator[Stand]:
    """Run the parts, new ones each time.

    Args:
        has_api_key: whether the replicas ask for a key.
        prefix_caching: ``engine.prefixCaching`` of the model.
    """
    picker.program()
    cluster = LocalCluster(components=())
    cluster.add_user(picker.USER)
    with cluster, tempfile.TemporaryDirectory() as scratch:
        namespace_of_pods(cluster)
        picker.grant(cluster)
        replicas = Replicas(cluster, Path(scratch), has_api_key=has_api_key)
        process = picker.start(cluster, prefix_caching=prefix_caching)
        for number in range(1, REPLICAS + 1):
            replicas.start(number)
        envoy = Envoy(cluster, Path(scratch))
        envoy.start(replicas.addresses, PICKER_PORT)
        yield Stand(replicas, envoy, process, partial(picker.start, cluster, prefix_caching=prefix_caching))
