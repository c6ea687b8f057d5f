"""``internvl diff``: what would change in the pods of a model, by an operator's update that waits or by an edit."""

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from internvl_operator.api.v1alpha1 import API_VERSION, KIND
from internvl_operator.cli.cluster import (
    add_cluster_options,
    cluster_of,
    namespace_of,
    resource_of,
)
from internvl_operator.cli.diff.edit_preview import EditPreview, preview
from internvl_operator.cli.exit_codes import USAGE_ERROR, exit_code_of
from internvl_operator.cli.inputs.resource_files import read_bodies
from internvl_operator.cli.status.status_reading import read_surroundings
from internvl_operator.kube.client import KubernetesClient
from internvl_operator.kube.kinds import DEPLOYMENT, PERSISTENT_VOLUME_CLAIM, RESOURCE
from internvl_operator.kube.objects import is_controlled_by, key_of
from internvl_operator.kube.port import ClusterError, Key, Kind, KubernetesObject
from internvl_operator.observed import Observed
from internvl_operator.planner.nodes.inventory import Inventory, inventory_for
from internvl_operator.planner.request import GpuRequest
from internvl_operator.text.printable import printable

DIFFERENT = 1


def main(arguments: Sequence[str]) -> int:
    """Print the changes; return 0 when there are none, 1 when there are, 2 for wrong usage, as ``diff`` does."""
    parser = argparse.ArgumentParser(
        prog="internvl diff",
        description="Says what the operator would change in the pods of a model if it were allowed to; or with -f, "
        "what applying a file would do: whether pods are restarted, and how. Nothing is applied.",
        epilog="Exit code: 0 no pod is restarted, 1 some are, or a file is refused, 2 wrong usage or no such resource. "
        "Example: internvl diff -f captions.yaml",
    )
    parser.add_argument("name", nargs="?", help="the resource")
    parser.add_argument(
        "-f",
        "--file",
        metavar="FILE",
        action="append",
        help="what applying these resources would do, or a folder of them (-: stdin); may be repeated",
    )
    add_cluster_options(parser)
    options = parser.parse_args(arguments)
    if (options.name is None) == (options.file is None):
        parser.error("give either a resource's name or -f FILE")
    work = _compared if options.file is None else _previewed
    return exit_code_of("diff", lambda: work(options), (ClusterError,), USAGE_ERROR)


def _compared(options: argparse.Namespace) -> int:
    text = diff_text(asyncio.run(_read(options)))
    print(text or f"{options.name}: the pods are as this operator would run them")
    return DIFFERENT if text else 0


def _previewed(options: argparse.Namespace) -> int:
    previews = asyncio.run(_previews(options, read_bodies(options.file)))
    print(printable("\n".join(line for each in previews for line in each.lines)))
    return DIFFERENT if any(each.restarts for each in previews) else 0


def diff_text(body: Mapping[str, Any]) -> str:
    """Return what a resource's status says of an update that waits; empty when none does."""
    status, name = body.get("status", {}), body["metadata"]["name"]
    if "updateRevision" not in status:
        return ""
    offered = status["updateRevision"]
    return "\n".join(
        [
            f"{name}: revision {status.get('revision')} runs, this operator would run revision {offered}:",
            *(f"  {change}" for change in status.get("updateChanges", ())),
            f"Its pods are restarted when spec.rollout.acceptedRevision is {offered}, with operatorUpdates: "
            "Automatic, and with the next change of the spec that reaches the pods.",
        ]
    )


async def _read(options: argparse.Namespace) -> KubernetesObject:
    async with cluster_of(options) as cluster:
        return await resource_of(cluster, Key(namespace_of(options), options.name))


async def _previews(options: argparse.Namespace, bodies: Sequence[Mapping[str, Any]]) -> list[EditPreview]:
    surroundings = await read_surroundings(options)
    settings, platform = surroundings.installation.settings, surroundings.installation.defaults

    async def inventory(request: GpuRequest, **_: bool) -> Inventory:
        return inventory_for(request, surroundings.nodes, settings.default_gpu, settings.inventory)

    now = datetime.now(UTC)
    async with cluster_of(options) as cluster:
        observed = [await _observed(cluster, _key(body, options)) for body in bodies]
    return [
        await preview(each, body.get("spec") or {}, inventory, now, platform)
        for each, body in zip(observed, bodies, strict=True)
    ]


def _key(body: Mapping[str, Any], options: argparse.Namespace) -> Key:
    """Return what a file names.

    Raises:
        ValueError: it has no name, or another namespace than the option.
    """
    metadata = body.get("metadata") or {}
    name, namespace = metadata.get("name"), metadata.get("namespace")
    if not name:
        raise ValueError("a resource of the file lacks metadata.name")
    if namespace and options.namespace and namespace != options.namespace:
        raise ValueError(f"{name} is in the namespace {namespace}, and --namespace is {options.namespace}")
    return Key(str(namespace or namespace_of(options)), str(name))


async def _observed(cluster: KubernetesClient, key: Key) -> Observed:
    """Return a resource and what it has; one that is not there yet as it would be new."""
    body = await cluster.find(RESOURCE, key)
    if body is None:
        metadata = {"name": key.name, "namespace": key.namespace, "uid": "", "generation": 1}
        return Observed(body={"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "spec": {}})
    return Observed(
        body={"apiVersion": API_VERSION, "kind": KIND, **body},
        deployment=await _own(cluster, DEPLOYMENT, body),
        claim=await _own(cluster, PERSISTENT_VOLUME_CLAIM, body),
    )


async def _own(cluster: KubernetesClient, kind: Kind, owner: KubernetesObject) -> KubernetesObject | None:
    found = await cluster.find(kind, key_of(owner))
    return found if found is not None and is_controlled_by(found, owner) else None
