"""How exact the memory model is: ``python -m tests.accuracy [--file CSV] [--leave-one-out] [--cells]``.

Prints a line for each file and backend, the outcomes that are wrong, and last the figures as
``METRIC name=value``; percentages are of what was measured.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from internvl_operator.catalog.models import Backend
from internvl_operator.planner.memory.estimate import estimate
from tests.accuracy.cells import TABLES, Cell, read_cells
from tests.accuracy.comparison import Comparison, Errors, compare, leave_out, series_of, size_of


def main(arguments: Sequence[str]) -> int:
    """Print the comparison; return 1 when an outcome is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.accuracy", description="Compare the memory model.")
    parser.add_argument("--file", type=Path, nargs="+", default=TABLES, help="tables of measured cells")
    parser.add_argument(
        "--leave-one-out", action="store_true", help="predict each size, and each series, from the others"
    )
    parser.add_argument("--cells", action="store_true", help="print each cell")
    options = parser.parse_args(arguments)

    metrics: dict[str, float] = {}
    right = total = 0
    for path in options.file:
        cells = read_cells(path)
        if options.cells:
            _print_cells(cells)
        for backend in Backend:
            of_backend = [cell for cell in cells if cell.request.backend is backend]
            if not of_backend:
                continue
            comparison = compare(of_backend)
            _print_comparison(path, backend, comparison)
            metrics |= _metrics(f"{path.stem}-{backend}".replace("-", "_").replace(".", "_"), comparison)
            total += comparison.cells
            right += comparison.cells - len(comparison.wrong)
    if options.leave_one_out:
        metrics |= _print_left_out(options.file, "size", size_of)
        metrics |= _print_left_out(options.file, "series", series_of)
    metrics |= {"outcomes": total, "outcomes_right": right}
    for name, value in metrics.items():
        print(f"METRIC {name}={value:g}")
    return int(right < total)


def _print_cells(cells: Sequence[Cell]) -> None:
    for cell in cells:
        memory = estimate(cell.request)
        used = f"{cell.used_mib:.0f}" if cell.used_mib else "-"
        print(f"  {cell}: {memory.outcome} ({cell.outcome}), used {memory.used_mib} ({used})")


def _print_comparison(path: Path, backend: Backend, comparison: Comparison) -> None:
    print(f"{path.stem} {backend}: {comparison.cells} cells")
    print(f"  used memory: {_spread(comparison.used)}")
    print(f"  free after weights: {_spread(comparison.free_after_weights)}")
    print(f"  KV cache: {_spread(comparison.kv_cache)}")
    print(f"  outcomes: {comparison.cells - len(comparison.wrong)} of {comparison.cells} right")
    for cell, outcome in comparison.wrong:
        print(f"    {cell}: {outcome}, measured {cell.outcome}")


def _spread(errors: Errors) -> str:
    if not errors.values:
        return "not measured"
    return f"mean {errors.mean:.2%}, worst {errors.worst:.2%} of {len(errors.values)} cells"


def _metrics(prefix: str, comparison: Comparison) -> dict[str, float]:
    metrics: dict[str, float] = {f"{prefix}_cells": comparison.cells}
    measured = {
        "used": comparison.used,
        "free": comparison.free_after_weights,
        "kv_cache": comparison.kv_cache,
    }
    for name, errors in measured.items():
        if errors.values:
            metrics[f"{prefix}_{name}_mean_percent"] = _percent(errors.mean)
            metrics[f"{prefix}_{name}_worst_percent"] = _percent(errors.worst)
    return metrics | {f"{prefix}_outcomes_wrong": len(comparison.wrong)}


def _print_left_out(paths: Sequence[Path], name: str, group_of: Callable[[Cell], str]) -> dict[str, float]:
    cells = [cell for path in paths for cell in read_cells(path)]
    errors = leave_out(cells, [cell for path in TABLES for cell in read_cells(path)], group_of)
    print(f"used memory of a {name}, the constants fitted to all others:")
    for (family, group), of_group in errors.items():
        print(f"  {family.name}, {group}: {_spread(of_group)}")
    return {
        f"left_out_{name}_mean_percent": _percent(max((e.mean for e in errors.values()), default=0.0)),
        f"left_out_{name}_worst_percent": _percent(max((e.worst for e in errors.values()), default=0.0)),
    }


def _percent(fraction: float) -> float:
    return round(100 * fraction, 3)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
