"""``internvl status``: what runs, what it waits for, and what a fresh plan would say now."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Any

from internvl_operator.api.v1alpha1 import KIND
from internvl_operator.cli.cluster import add_cluster_options, namespace_of
from internvl_operator.cli.exit_codes import NOT_READY, USAGE_ERROR, exit_code_of, failed
from internvl_operator.cli.inputs.number_types import seconds
from internvl_operator.cli.status.capacity import Capacity
from internvl_operator.cli.status.screen import Screen
from internvl_operator.cli.status.status_reading import Surroundings, read_rows, read_surroundings
from internvl_operator.cli.status.status_row import Row
from internvl_operator.cli.status.status_text import status_text
from internvl_operator.kube.port import ClusterError

_SURROUNDINGS_SECONDS = 30.0
"""How often nodes and pods are read while watching: a cluster has many, and they change rarely."""


def main(arguments: Sequence[str]) -> int:
    """Print the state of the resources; return 1 when one of them is not ready, 2 for wrong usage."""
    options = _parser().parse_args(arguments)
    show = _once if options.watch is None else _watch
    return exit_code_of("status", lambda: asyncio.run(show(options)), (ClusterError,), USAGE_ERROR)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="internvl status",
        description="Says what runs, what it waits for, what a fresh plan would say now, and which GPUs are free.",
        epilog="Exit code: 0 all are ready or there are none, 1 one is not ready, 2 wrong usage or no such resource. "
        "Example: internvl status captions --watch",
    )
    parser.add_argument("name", nargs="?", help="one resource, in detail (default: all of the namespace)")
    add_cluster_options(parser)
    parser.add_argument("-A", "--all-namespaces", action="store_true", help="the resources of all namespaces")
    parser.add_argument(
        "-w",
        "--watch",
        metavar="SECONDS",
        nargs="?",
        type=seconds,
        const=2.0,
        help="show it again and again (every 2 s)",
    )
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    return parser


async def _once(options: argparse.Namespace) -> int:
    surroundings = await read_surroundings(options)
    rows = await _rows(options, surroundings)
    if options.output == "json":
        print(json.dumps(_document(rows, surroundings.capacity), indent=2, ensure_ascii=False))
    elif rows:
        print(_text(options, rows, surroundings))
    else:
        return failed("status", f"there are no {KIND}s{_where(options)}", 0)
    return 0 if all(row.is_ready for row in rows) else NOT_READY


async def _watch(options: argparse.Namespace) -> int:
    """Show the state until Ctrl-C; go on when the API server does not answer for a while."""
    clock = asyncio.get_running_loop().time
    surroundings, read_at = await read_surroundings(options), clock()
    with Screen(sys.stdout) as screen:
        while True:
            try:
                if clock() - read_at > _SURROUNDINGS_SECONDS:
                    surroundings, read_at = await read_surroundings(options), clock()
                rows = await _rows(options, surroundings)
                text = _text(options, rows, surroundings) if rows else f"No {KIND}s{_where(options)}."
            except ClusterError as error:
                text = f"No answer: {error}"
            screen.show(text)
            await asyncio.sleep(options.watch)


async def _rows(options: argparse.Namespace, surroundings: Surroundings) -> list[Row]:
    """Return the resources that the options name.

    Raises:
        ValueError: there is none of that name.
    """
    rows = await read_rows(options, _namespace(options), surroundings)
    chosen = [row for row in rows if options.name in (None, row.name)]
    if options.name is not None and not chosen:
        raise ValueError(f"there is no {options.name}{_where(options)}")
    return chosen


def _text(options: argparse.Namespace, rows: Sequence[Row], surroundings: Surroundings) -> str:
    details = options.name is not None
    return status_text(rows, surroundings.capacity, options.all_namespaces, details)


def _namespace(options: argparse.Namespace) -> str | None:
    return None if options.all_namespaces else namespace_of(options)


def _where(options: argparse.Namespace) -> str:
    namespace = _namespace(options)
    return f" in {namespace}" if namespace else ""


def _document(rows: Sequence[Row], capacity: Sequence[Capacity]) -> dict[str, Any]:
    return {
        "resources": [
            {
                "namespace": row.namespace,
                "name": row.name,
                "ready": row.is_ready,
                "stalled": row.is_stalled,
                "state": row.state,
                "seconds": None if row.waited is None else int(row.waited.total_seconds()),
                "notes": list(row.notes()),
                "plan": row.plan,
                "freshPlan": row.fresh_plan,
            }
            for row in rows
        ],
        "gpus": [
            {
                "product": each.product,
                "nodes": each.nodes,
                "gpus": each.gpus,
                "requested": each.requested,
                "freeOnOneNode": each.most_free,
            }
            for each in capacity
        ],
    }
