"""``internvl plan``: what a model needs, before a pod exists."""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from internvl_operator.catalog.models import INTERNVL2, sizes_of
from internvl_operator.cli.exit_codes import NO_PLAN, exit_code_of
from internvl_operator.cli.inputs.gpu_options import add_gpu_options, add_nodes_option, gpu_notes, gpus_of
from internvl_operator.cli.inputs.node_files import Node
from internvl_operator.cli.inputs.number_types import positive, ratio
from internvl_operator.cli.inputs.resource_files import read_resources
from internvl_operator.cli.load_options import add_load_options, with_load_options
from internvl_operator.cli.options import (
    add_engine_options,
    add_platform_option,
    add_series_option,
    given,
    named_model,
    with_options,
)
from internvl_operator.cli.plan.plan_text import host_document, plan_text
from internvl_operator.cli.plot.plot_option import add_plot_option, drawing
from internvl_operator.manifests.server_arguments import COMMAND, DEFAULT_PORT, server_arguments
from internvl_operator.planner.document import plan_document
from internvl_operator.planner.plan import Plan, make_plan
from internvl_operator.planner.remarks.completed_plan import completed
from internvl_operator.planner.request import QUANTIZATIONS, PlanRequest, quantized, request_of

if TYPE_CHECKING:
    from internvl_operator.api.v1alpha1 import InternVLDeployment


def main(arguments: Sequence[str]) -> int:
    """Print the plan; return 0 for a plan, 2 for wrong usage or no GPU known, 3 for any outcome but ok."""
    parser = plan_parser()
    options = parser.parse_args(arguments)
    if (options.size is None) == (options.file is None):
        parser.error("give either a size or -f FILE")
    if options.file is not None and options.series is not None:
        parser.error("--series goes with a size: a resource of a file says its own")
    if options.file is None and options.platform_defaults is not None:
        parser.error("--platform-defaults goes with -f: they are for resources")
    return exit_code_of("plan", lambda: _printed(options))


def _printed(options: argparse.Namespace) -> int:
    asked = _asked(options)
    plans = [_planned(each, options.nodes) for each in asked]
    if options.plot:
        plot = drawing("plan.plan_picture")
        plot.draw([plot.PlanPicture(plan) for plan in plans], options.plot)
    print(_formatted(list(zip(plans, asked, strict=True)), options.output))
    return 0 if all(plan.is_ok for plan in plans) else NO_PLAN


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request, and what else of a resource shows in the command line."""

    request: PlanRequest
    model_name: str = ""
    port: int = DEFAULT_PORT
    name: str = ""
    """Of the resource."""
    notes: tuple[str, ...] = ()
    """What a person should know of how the options were read."""


def plan_parser() -> argparse.ArgumentParser:
    """Return the parser of the verb's arguments, from which the planner page takes choices and words."""
    parser = argparse.ArgumentParser(
        prog="internvl plan",
        description="Says what a model needs: GPUs, tp, quantization, memory, and the command line. "
        "What is given is kept, what is not is derived.",
        epilog="Exit code: 0 a plan, 2 wrong usage or no GPU known, 3 any outcome but ok. "
        "Example: internvl plan 26B --gpu A100-80GB --requests-per-second 5",
    )
    parser.add_argument(
        "size",
        nargs="?",
        metavar="SIZE",
        help=f"{', '.join(sizes_of(INTERNVL2))}, those of another series, or both in one: InternVL3.5-8B",
    )
    add_series_option(parser)
    parser.add_argument(
        "-f",
        "--file",
        metavar="FILE",
        action="append",
        help="plan for the resources of a YAML file, or of a folder's (-: stdin); may be repeated",
    )
    add_gpu_options(parser)
    add_nodes_option(parser)
    add_platform_option(parser)
    parser.add_argument("--quantization", choices=QUANTIZATIONS, help="(Auto)")
    add_engine_options(parser)
    parser.add_argument(
        "--tp", metavar="N", type=positive, help="tensor parallelism, and so the number of GPUs"
    )
    parser.add_argument(
        "--cache-max-entry-count", metavar="R", type=ratio, help="share of the free memory for the KV cache"
    )
    parser.add_argument(
        "--sessions", metavar="N", type=positive, help="full-length sessions to hold at once (4)"
    )
    add_load_options(parser)
    parser.add_argument("-o", "--output", choices=["table", "json", "yaml"], default="table")
    add_plot_option(parser, "the memory of one GPU")
    return parser


def _asked(options: argparse.Namespace) -> list[_Asked]:
    """Return what is asked for: by the size, or by a file; the options win over the file."""
    changes = given(options, ("tp", "sessions"))
    if options.quantization is not None:
        changes["quantized"] = quantized(options.quantization)
    if options.file is None:
        model = named_model(options.size, options.series)
        asked = [_Asked(PlanRequest(model.size, series=model.series), notes=gpu_notes(options))]
    else:
        from internvl_operator.api.platform_defaults import read_platform_defaults

        platform = read_platform_defaults(options.platform_defaults)
        asked = [
            _of_resource(platform.applied_to(resource), options) for resource in read_resources(options.file)
        ]
    return [replace(each, request=_with_all(each.request, options, changes)) for each in asked]


def _of_resource(resource: "InternVLDeployment", options: argparse.Namespace) -> _Asked:
    spec = resource.spec
    request = request_of(spec)
    return _Asked(
        request,
        spec.server.model_name or "",
        spec.server.port,
        resource.metadata.name,
        gpu_notes(options, request.gpu),
    )


def _with_all(request: PlanRequest, options: argparse.Namespace, changes: dict[str, Any]) -> PlanRequest:
    return replace(with_load_options(with_options(request, options), options), **changes)


def _planned(asked: _Asked, nodes: Iterable[Node] | None) -> Plan:
    plan = make_plan(asked.request, gpus_of(asked.request.gpu, nodes))
    return completed(replace(plan, notes=(*plan.notes, *asked.notes)), asked.request)


def _formatted(planned: list[tuple[Plan, _Asked]], output: str) -> str:
    arguments = [
        [*COMMAND, *server_arguments(plan, each.model_name, each.port, each.request.further_args)]
        for plan, each in planned
    ]
    if output == "table":
        texts = [
            plan_text(plan, each.request, args) for (plan, each), args in zip(planned, arguments, strict=True)
        ]
        if len(texts) > 1:
            texts = [f"{each.name}\n{text}" for (_, each), text in zip(planned, texts, strict=True)]
        return "\n\n".join(texts)
    documents: list[dict[str, Any]] = [
        plan_document(plan) | {"host": host_document(plan, each.request), "args": args}
        for (plan, each), args in zip(planned, arguments, strict=True)
    ]
    if output == "json":
        import json

        # One value, whatever a file holds: several resources make a list.
        return json.dumps(documents[0] if len(documents) == 1 else documents, indent=2)
    import yaml

    return str(yaml.safe_dump_all(documents, sort_keys=False)).rstrip()
