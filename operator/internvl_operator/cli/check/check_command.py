"""``internvl check``: whether a cluster is fit for models."""

import argparse
import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict

from internvl_operator.cli.check.cluster_facts import ClusterFacts, read_cluster
from internvl_operator.cli.check.fitness import Verdict, checked_parts
from internvl_operator.cli.cluster import add_cluster_options, connection_of, namespace_of
from internvl_operator.cli.exit_codes import NOT_READY, USAGE_ERROR, exit_code_of
from internvl_operator.cli.text_table import aligned
from internvl_operator.kube.port import ClusterError
from internvl_operator.text.printable import printable


def main(arguments: Sequence[str]) -> int:
    """Print what is said of each part; return 0 where models run, 1 where something fails, 2 for wrong usage."""
    parser = argparse.ArgumentParser(
        prog="internvl check",
        description="Says whether a cluster is fit for models: Kubernetes, the CRD, the operator, your rights, GPUs "
        "and their labels, storage, monitoring and autoscaling. It changes nothing.",
        epilog="Exit code: 0 models run, 1 something fails, 2 wrong usage or no answer. "
        "Example: internvl check -n vision",
    )
    add_cluster_options(parser)
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    options = parser.parse_args(arguments)
    return exit_code_of("check", lambda: _checked(options), (ClusterError,), USAGE_ERROR)


def _checked(options: argparse.Namespace) -> int:
    found = checked_parts(asyncio.run(_read(options)))
    if options.output == "json":
        print(json.dumps([asdict(each) for each in found], indent=2))
    else:
        print(printable("\n".join(aligned([(each.verdict, each.part, each.says) for each in found]))))
    return NOT_READY if any(each.verdict is Verdict.FAILS for each in found) else 0


async def _read(options: argparse.Namespace) -> ClusterFacts:
    async with connection_of(options) as cluster:
        return await read_cluster(cluster, namespace_of(options))
