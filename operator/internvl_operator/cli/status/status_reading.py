"""What ``internvl status`` reads of a cluster. What the user has no right to read is left out."""

import argparse
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from internvl_operator.api.parsing import InvalidSpecError, parse
from internvl_operator.api.platform_defaults import (
    NO_DEFAULTS,
    PlatformDefaults,
    parse_platform_defaults,
    read_platform_defaults,
)
from internvl_operator.cli.cluster import cluster_of
from internvl_operator.cli.status.capacity import Capacity, capacities, gpu_requests
from internvl_operator.cli.status.status_row import Row
from internvl_operator.kube.client import KubernetesClient
from internvl_operator.kube.kinds import (
    CONFIG_MAP,
    DEPLOYMENT,
    HORIZONTAL_POD_AUTOSCALER,
    NODE,
    POD,
    RESOURCE,
)
from internvl_operator.kube.objects import key_of
from internvl_operator.kube.port import ForbiddenError, Key, Kind, NotFoundError
from internvl_operator.manifests.labels import CHILDREN_SELECTOR, INPUTS_ANNOTATION
from internvl_operator.manifests.record import inputs_of
from internvl_operator.planner.nodes.inventory import NoGpuKnownError, inventory_for
from internvl_operator.planner.plan import Plan, make_plan
from internvl_operator.planner.request import request_of
from internvl_operator.settings import Settings

_log = logging.getLogger(__name__)

_OPERATORS = "app.kubernetes.io/part-of=internvl-operator,app.kubernetes.io/component=controller"
_DEFAULTS_VOLUME = "platform-defaults"
_DEFAULTS_FILE = "platform-defaults.yaml"


@dataclass(frozen=True, slots=True)
class Installation:
    """The operator that runs in the cluster, as far as plans depend on it."""

    settings: Settings
    defaults: PlatformDefaults


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What plans depend on in a cluster, and its capacity.

    Args:
        nodes: the nodes; None without the right to read them.
        installation: the settings of the cluster's operator, or else those of this environment.
        capacity: the GPUs by product; empty without the right to read nodes and pods.
    """

    nodes: Sequence[Mapping[str, Any]] | None
    installation: Installation
    capacity: tuple[Capacity, ...]


async def read_surroundings(options: argparse.Namespace) -> Surroundings:
    """Read nodes, pods and the operator's settings.

    Raises:
        ValueError: there are no credentials, or a setting of this environment is wrong.
        ClusterError: the API failed.
    """
    async with cluster_of(options) as cluster:
        nodes = await _listed(cluster, NODE)
        pods = await _listed(cluster, POD, keep=gpu_requests)
        installation = await _installation(cluster)
    capacity = capacities(nodes, pods) if nodes is not None and pods is not None else ()
    return Surroundings(nodes, installation, capacity)


async def read_rows(
    options: argparse.Namespace, namespace: str | None, surroundings: Surroundings
) -> list[Row]:
    """Return the resources of a namespace, or of all, in the order of their names.

    Raises:
        ValueError: there are no credentials.
        ClusterError: the API failed.
    """
    async with cluster_of(options, [] if namespace is None else [namespace]) as cluster:
        bodies = (await cluster.list(RESOURCE)).items
        late = {key_of(body) for body in bodies if _is_late(body)}
        deployments = await _listed(cluster, DEPLOYMENT, selector=CHILDREN_SELECTOR) if late else None
        scaled = any("maxReplicas" in (body["spec"].get("autoscaling") or {}) for body in bodies)
        autoscalers = (
            await _listed(cluster, HORIZONTAL_POD_AUTOSCALER, selector=CHILDREN_SELECTOR) if scaled else None
        )
    made_from = {key_of(each): _made_from(each) for each in deployments or ()}
    scalers = {key_of(each): each for each in autoscalers or ()}
    gpus = {each.product: each.gpus for each in surroundings.capacity}
    now = datetime.now(UTC)
    rows = [
        Row(
            body,
            _fresh_plan(body, surroundings),
            now,
            is_applied=key_of(body) in late and _inputs(body) == made_from.get(key_of(body), ""),
            autoscaler=scalers.get(key_of(body)),
            gpus=gpus.get(body.get("status", {}).get("plan", {}).get("product", "")),
        )
        for body in bodies
    ]
    return sorted(rows, key=lambda row: (row.namespace, row.name))


def _is_late(body: Mapping[str, Any]) -> bool:
    """Return whether the status is that of an earlier generation of the spec."""
    return bool(body.get("status", {}).get("observedGeneration") != body["metadata"].get("generation"))


def _made_from(deployment: Mapping[str, Any]) -> str | None:
    """Return the hash of what a Deployment's pods follow from."""
    annotations = deployment["metadata"].get("annotations") or {}
    return annotations.get(INPUTS_ANNOTATION)


def _inputs(body: Mapping[str, Any]) -> str | None:
    """Return the hash of what the pods of a resource follow from, or None where it cannot be read."""
    try:
        return inputs_of(parse(dict(body)).spec)
    except InvalidSpecError:
        return None


def _fresh_plan(body: Mapping[str, Any], surroundings: Surroundings) -> Plan | None:
    """Return the plan that the resource would get if it were new, or None when that is unknown.

    No error is raised: one resource that cannot be planned must not hide the others.
    """
    settings, defaults = surroundings.installation.settings, surroundings.installation.defaults
    try:
        request = request_of(defaults.applied_to(parse(dict(body))).spec)
        inventory = inventory_for(request.gpu, surroundings.nodes, settings.default_gpu, settings.inventory)
        return make_plan(request, inventory)
    except (InvalidSpecError, NoGpuKnownError):
        return None
    except Exception as error:
        metadata = body["metadata"]
        _log.warning("no plan of %s/%s: %s", metadata["namespace"], metadata["name"], type(error).__name__)
        return None


async def _listed(cluster: KubernetesClient, kind: Kind, **options: Any) -> list[Any] | None:
    try:
        return (await cluster.list(kind, **options)).items
    except ForbiddenError:
        return None


async def _installation(cluster: KubernetesClient) -> Installation:
    """Return the settings in the operator's Deployment, or without the right to read it those of this environment.

    Raises:
        ValueError: the platform defaults of the only operator are wrong.
    """
    wrong_defaults: ValueError | None = None
    for deployment in await _listed(cluster, DEPLOYMENT, selector=_OPERATORS) or ():
        namespace, pod = deployment["metadata"]["namespace"], deployment["spec"]["template"]["spec"]
        try:
            settings = Settings.from_environment(_variables(pod, namespace))
        except ValueError as error:
            # No operator would start with these settings: anyone may give a Deployment these labels.
            _log.warning("a Deployment in %s has the operator's labels, and is none: %s", namespace, error)
            continue
        try:
            return Installation(settings, await _defaults(cluster, namespace, pod))
        except ValueError as error:
            wrong_defaults = error
    if wrong_defaults:
        raise wrong_defaults
    settings = Settings.from_environment(os.environ)
    return Installation(settings, read_platform_defaults(settings.platform_defaults))


def _variables(pod: Mapping[str, Any], namespace: str) -> dict[str, str]:
    """Return the variables of a pod's containers whose values are in the pod template, or are the namespace."""
    items = [item for container in pod["containers"] for item in container.get("env") or ()]
    written = {item["name"]: item["value"] for item in items if "value" in item}
    return written | {item["name"]: namespace for item in items if _field(item) == "metadata.namespace"}


def _field(variable: Mapping[str, Any]) -> str | None:
    """Return the field of the pod from which an environment variable takes its value, or None."""
    source = (variable.get("valueFrom") or {}).get("fieldRef") or {}
    path: str | None = source.get("fieldPath")
    return path


async def _defaults(cluster: KubernetesClient, namespace: str, pod: Mapping[str, Any]) -> PlatformDefaults:
    """Return the defaults in the ConfigMap that the operator's pod mounts, or none without the right to read it."""
    volumes = {volume["name"]: volume for volume in pod.get("volumes") or ()}
    name = (volumes.get(_DEFAULTS_VOLUME, {}).get("configMap") or {}).get("name")
    if name is None:
        return NO_DEFAULTS
    try:
        data = (await cluster.get(CONFIG_MAP, Key(namespace, name))).get("data") or {}
    except (ForbiddenError, NotFoundError):
        return NO_DEFAULTS
    return parse_platform_defaults(data.get(_DEFAULTS_FILE, ""), f"ConfigMap {namespace}/{name}")
