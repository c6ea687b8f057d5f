"""A namespace of a cluster as the place where configurations run, and how the memory of their GPUs is read."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import aiohttp

from internvl_operator.chat.resource import NotServingError, ready_pod
from internvl_operator.kube.client import KubernetesClient
from internvl_operator.kube.kinds import POD, RESOURCE
from internvl_operator.kube.port import Key, NotFoundError
from internvl_operator.kube.streams import PodStreams
from internvl_operator.manifests.labels import ENGINE_CONTAINER, NAME_LABEL
from internvl_operator.measurement.configuration import MEASUREMENT_LABEL, Configuration, manifest
from internvl_operator.measurement.gpu_memory import (
    NVIDIA_SMI,
    ReadingError,
    nvidia_smi_memory,
    prometheus_memory,
    prometheus_query,
)

_FIELD_MANAGER = "internvl-memory"
_POLL_SECONDS = 1.0
_SCRAPE_SECONDS = 120.0
"""Longest wait for Prometheus to scrape the exporter again."""


class NotOursError(ValueError):
    """A resource has the name of a configuration and was made by someone else, or by another measurement."""


class Meter(Protocol):
    """Reads the memory that each GPU of a pod uses, in MiB."""

    async def read(self, pod: Key) -> tuple[int, ...]:
        """Return the MiB that each GPU uses.

        Raises:
            ReadingError, ClusterError: the memory cannot be read.
        """
        ...


class NvidiaSmi:
    """Runs nvidia-smi in the pod's engine container.

    Args:
        streams: to the cluster's pods.
    """

    def __init__(self, streams: PodStreams) -> None:
        self._streams = streams

    async def read(self, pod: Key) -> tuple[int, ...]:
        """Return the MiB that each GPU uses."""
        return nvidia_smi_memory(await self._streams.run(pod, ENGINE_CONTAINER, NVIDIA_SMI))


class Prometheus:
    """Asks a Prometheus that scrapes NVIDIA's DCGM exporter.

    Args:
        url: of the Prometheus.
        clock: seconds since the epoch.
        patience_seconds: how long a scrape is waited for.
    """

    def __init__(
        self, url: str, clock: Callable[[], float] = time.time, patience_seconds: float = _SCRAPE_SECONDS
    ) -> None:
        self._url = f"{url.rstrip('/')}/api/v1/query"
        self._clock = clock
        self._patience_seconds = patience_seconds

    async def read(self, pod: Key) -> tuple[int, ...]:
        """Return the MiB that each GPU uses, of the first scrape from now on."""
        since = self._clock()
        query = prometheus_query(pod.namespace, pod.name, since)
        async with aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(self._url, params={"query": query}) as response:
                        return prometheus_memory(await response.text())
                except aiohttp.ClientError as error:
                    raise ReadingError(f"no answer of {self._url}: {error}") from None
                except ReadingError:
                    if self._clock() - since > self._patience_seconds:
                        raise
                await asyncio.sleep(_POLL_SECONDS)


class NamespaceLaboratory:
    """Runs configurations as resources of a namespace.

    Args:
        cluster: whose lists look into that namespace.
        namespace: where the resources are made.
        base: a resource whose spec says what the configurations do not.
        meter: reads the memory.
        campaign: the name of this measurement, which an earlier run of it had too.
    """

    def __init__(
        self,
        cluster: KubernetesClient,
        namespace: str,
        base: Mapping[str, Any],
        meter: Meter,
        campaign: str,
    ) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._base = base
        self._meter = meter
        self._campaign = campaign

    async def start(self, configuration: Configuration) -> None:
        """Make the configuration's resource, in place of one that an earlier run left.

        Raises:
            NotOursError: someone else's resource has its name.
        """
        await self.stop(configuration)
        made = manifest(configuration, self._base, self._namespace, self._campaign)
        await self._cluster.create(made, _FIELD_MANAGER)

    async def status(self, configuration: Configuration) -> Mapping[str, Any]:
        """Return the status of the configuration's resource."""
        body = await self._cluster.get(RESOURCE, self._key(configuration))
        status: Mapping[str, Any] = body.get("status", {})
        return status

    async def used_memory(self, configuration: Configuration) -> tuple[int, ...]:
        """Return the MiB that each GPU of the configuration's pod uses."""
        return await pod_memory(self._cluster, self._meter, self._key(configuration))

    async def stop(self, configuration: Configuration) -> None:
        """Delete the configuration's resource and wait until its pods are gone.

        Raises:
            NotOursError: someone else's resource has its name.
        """
        key = self._key(configuration)
        try:
            body = await self._cluster.get(RESOURCE, key)
        except NotFoundError:
            return
        campaign = body["metadata"].get("labels", {}).get(MEASUREMENT_LABEL)
        if campaign is None:
            raise NotOursError(f"{key.namespace}/{key.name} was not made by a measurement")
        if campaign != self._campaign:
            raise NotOursError(
                f"{key.namespace}/{key.name} belongs to a measurement with another journal: wait until that has ended, "
                f"use another namespace, or, where it was killed, kubectl delete ivl {key.name} -n {key.namespace}"
            )
        await self._cluster.delete(RESOURCE, key, body["metadata"]["uid"])
        await self._without_pods(key)

    async def _without_pods(self, key: Key) -> None:
        while True:
            pods = await self._cluster.list(POD, f"{NAME_LABEL}={key.name}")
            if not pods.items:
                return
            await asyncio.sleep(_POLL_SECONDS)

    def _key(self, configuration: Configuration) -> Key:
        return Key(self._namespace, configuration.name)


async def pod_memory(cluster: KubernetesClient, meter: Meter, resource: Key) -> tuple[int, ...]:
    """Return the MiB that each GPU of a ready pod of a resource uses.

    Raises:
        ReadingError, ClusterError: the memory cannot be read.
    """
    pods = await cluster.list(POD, f"{NAME_LABEL}={resource.name}")
    try:
        return await meter.read(ready_pod(resource.name, pods.items))
    except NotServingError as error:
        raise ReadingError(str(error)) from None
