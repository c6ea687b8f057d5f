"""``internvl table``: the memory of every size, or the plans for the usual GPUs, as a table."""

import argparse
import sys
from collections.abc import Sequence

from internvl_operator.cli.exit_codes import exit_code_of
from internvl_operator.cli.inputs.gpu_options import add_gpu_options
from internvl_operator.cli.inputs.number_types import listed, ratio
from internvl_operator.cli.load_options import add_load_options, given_load_options, with_load_options
from internvl_operator.cli.options import (
    DEFAULT_RATIOS,
    add_engine_options,
    add_sizes_option,
    named_models,
    with_options,
)
from internvl_operator.cli.plot.plot_option import add_plot_option, drawing
from internvl_operator.cli.table.memory_table import memory_cells, memory_csv, memory_rows
from internvl_operator.cli.table.plan_table import USUAL_GPUS, plan_cells, plan_csv, plan_rows
from internvl_operator.cli.text_table import Table, markdown, write_csv
from internvl_operator.planner.request import PlanRequest


def main(arguments: Sequence[str]) -> int:
    """Print a table; return 0, or 2 for wrong usage, no GPU known, or a plot that cannot be drawn."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if not options.plans and (load := given_load_options(options)):
        parser.error(f"{load}: a load goes with --plans, the memory table has none")
    if options.plans and options.ratios is not None:
        parser.error("--ratios goes with the memory table: a plan derives the share of the KV cache")
    return exit_code_of("table", lambda: _printed(options))


def _printed(options: argparse.Namespace) -> int:
    table = _plans(options) if options.plans else _memory(options)
    if options.output == "csv":
        write_csv(table, sys.stdout)
    else:
        print(markdown(table))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="internvl table",
        description="Prints the memory of one GPU with the server up, in MiB, for each size, number of GPUs, "
        "quantization and share of the KV cache; where it does not run, what happens instead.",
        epilog="Images per second of --plans are those of one replica; a star marks what was not measured. "
        "Example: internvl table --gpu L40S --sizes 2B,8B,26B",
    )
    add_gpu_options(parser)
    add_sizes_option(parser)
    parser.add_argument(
        "--ratios",
        metavar="RATIOS",
        type=listed(ratio),
        help="values of cache-max-entry-count (0.8,0.2,0.1,0.05)",
    )
    add_engine_options(parser)
    add_load_options(parser)
    parser.add_argument("-o", "--output", choices=["markdown", "csv"], default="markdown")
    add_plot_option(parser, "the table as a map too")
    parser.add_argument(
        "--plans",
        action="store_true",
        help=f"print the plan of each size and quantization instead, for the usual GPUs unless one is given: "
        f"{', '.join(USUAL_GPUS)}",
    )
    return parser


def _requests(options: argparse.Namespace) -> list[PlanRequest]:
    return [
        with_load_options(with_options(PlanRequest(model.size, series=model.series), options), options)
        for model in named_models(options)
    ]


def _memory(options: argparse.Namespace) -> Table:
    ratios = options.ratios or DEFAULT_RATIOS
    cells = [cell for request in _requests(options) for cell in memory_cells(request, ratios)]
    if options.plot:
        drawing("table.memory_map").draw(cells, options.plot)
    return memory_csv(cells) if options.output == "csv" else memory_rows(cells)


def _plans(options: argparse.Namespace) -> Table:
    cells = [cell for request in _requests(options) for cell in plan_cells(request)]
    if options.plot:
        drawing("table.plan_map").draw(cells, options.plot)
    return plan_csv(cells) if options.output == "csv" else plan_rows(cells)
