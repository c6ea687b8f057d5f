"""``internvl diff``: what the running operator would change in the pods of a model, and waits to be allowed."""

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from internvl_operator.cli.cluster import (
    add_cluster_options,
    cluster_of,
    namespace_of,
    resource_of,
)
from internvl_operator.cli.exit_codes import USAGE_ERROR, exit_code_of
from internvl_operator.kube.port import ClusterError, Key, KubernetesObject

DIFFERENT = 1


def main(arguments: Sequence[str]) -> int:
    """Print the changes; return 0 when there are none, 1 when there are, 2 for wrong usage, as ``diff`` does."""
    parser = argparse.ArgumentParser(
        prog="internvl diff",
        description="Says what the operator would change in the pods of a model if it were allowed to.",
        epilog="Exit code: 0 nothing, 1 something, 2 wrong usage or no such resource.",
    )
    parser.add_argument("name", help="the resource")
    add_cluster_options(parser)
    options = parser.parse_args(arguments)
    return exit_code_of("diff", lambda: _compared(options), (ClusterError,), USAGE_ERROR)


def _compared(options: argparse.Namespace) -> int:
    text = diff_text(asyncio.run(_read(options)))
    print(text or f"{options.name}: the pods are as this operator would run them")
    return DIFFERENT if text else 0


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
