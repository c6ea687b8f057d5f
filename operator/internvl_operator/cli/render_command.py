"""``internvl render``: the manifests that the controller would apply, without their owner references."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

import yaml

from internvl_operator.api.platform_defaults import read_platform_defaults
from internvl_operator.cli.exit_codes import NO_PLAN, exit_code_of, failed
from internvl_operator.cli.inputs.gpu_options import (
    add_gpu_options,
    add_nodes_option,
    gpu_notes,
    gpus_of,
    with_gpu_options,
)
from internvl_operator.cli.inputs.resource_files import read_resources
from internvl_operator.cli.options import add_platform_option
from internvl_operator.kube.kinds import CHILDREN, POD_MONITOR
from internvl_operator.manifests.children import render_children
from internvl_operator.manifests.record import inputs_of
from internvl_operator.manifests.template import KubernetesObject
from internvl_operator.planner.plan import make_plan
from internvl_operator.planner.request import request_of


def main(arguments: Sequence[str]) -> int:
    """Print the manifests; return 0, 2 for wrong usage or no GPU known, 3 when there is no plan."""
    parser = argparse.ArgumentParser(
        prog="internvl render",
        description="Prints the manifests that the controller would apply for a resource on these GPUs, "
        "equal but for ownerReferences.",
        epilog="Example: internvl render -f captions.yaml --gpu L40S",
    )
    parser.add_argument(
        "-f",
        "--file",
        metavar="FILE",
        action="append",
        required=True,
        help="resources to render, or a folder of them (-: stdin); may be repeated",
    )
    add_gpu_options(parser)
    add_nodes_option(parser)
    add_platform_option(parser)
    parser.add_argument(
        "--pod-monitor", action="store_true", help="for a cluster that has the Prometheus operator's kinds"
    )
    options = parser.parse_args(arguments)
    return exit_code_of("render", lambda: _printed(options))


def _printed(options: argparse.Namespace) -> int:
    manifests: list[KubernetesObject] = []
    platform = read_platform_defaults(options.platform_defaults)
    known = CHILDREN.keys() - (() if options.pod_monitor else {POD_MONITOR.kind})
    for given in read_resources(options.file):
        resource = platform.applied_to(given)
        request = request_of(resource.spec)
        for note in gpu_notes(options, request.gpu):
            print(f"internvl render: {resource.metadata.name}: {note}", file=sys.stderr)
        request = replace(request, gpu=with_gpu_options(request.gpu, options))
        plan = make_plan(request, gpus_of(request.gpu, options.nodes))
        if not plan.is_ok:
            return failed("render", f"{resource.metadata.name}: {plan.reason}", NO_PLAN)
        rendered = render_children(resource, plan, inputs_of(given.spec), platform=platform).manifests
        manifests += [each for each in rendered if each["kind"] in known]
    print(yaml.safe_dump_all(manifests, sort_keys=False, width=110), end="")
    return 0
