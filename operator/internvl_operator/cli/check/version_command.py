"""``internvl version``: of this command, of the operator in the cluster, and of Kubernetes."""

import argparse
import asyncio
import json
from collections.abc import Sequence

from internvl_operator import __version__
from internvl_operator.catalog.engines import DEFAULT_VERSION
from internvl_operator.cli.check.cluster_facts import read_kubernetes_version, read_operators
from internvl_operator.cli.cluster import add_cluster_options, connection_of
from internvl_operator.cli.exit_codes import USAGE_ERROR, exit_code_of
from internvl_operator.cli.text_table import aligned
from internvl_operator.kube.port import ClusterError, KubernetesObject
from internvl_operator.text.printable import printable

_VERSION_LABEL = "app.kubernetes.io/version"


def main(arguments: Sequence[str]) -> int:
    """Print the versions; return 0, or 2 when the cluster does not answer."""
    parser = argparse.ArgumentParser(
        prog="internvl version",
        description="Prints the version of this command, of the operators in the cluster, and of Kubernetes.",
        epilog="Example: internvl version --client",
    )
    add_cluster_options(parser)
    parser.add_argument(
        "--client", action="store_true", help="this command alone, without a look at a cluster"
    )
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    options = parser.parse_args(arguments)
    return exit_code_of("version", lambda: _printed(options), (ClusterError,), USAGE_ERROR)


def _printed(options: argparse.Namespace) -> int:
    versions = {"client": __version__, "lmdeploy": DEFAULT_VERSION}
    # The client's own comes first, also when the cluster then does not answer.
    if options.output == "table":
        print("\n".join(aligned([*versions.items()])), flush=True)
    found = {} if options.client else asyncio.run(_read(options))
    if options.output == "json":
        print(json.dumps(versions | found, indent=2))
    elif found:
        print(printable("\n".join(aligned([*found.items()]))))
    return 0


async def _read(options: argparse.Namespace) -> dict[str, str]:
    async with connection_of(options) as cluster:
        operators = await read_operators(cluster)
        return {
            "operator": "may not be read"
            if operators is None
            else ", ".join(map(_version, operators)) or "none is installed by the chart",
            "kubernetes": await read_kubernetes_version(cluster),
        }


def _version(deployment: KubernetesObject) -> str:
    metadata = deployment["metadata"]
    version = metadata.get("labels", {}).get(_VERSION_LABEL, "of an unknown version")
    return f"{version} in {metadata['namespace']}"
