"""How exact the speed model is: ``python -m tests.speed_accuracy [--file CSV ...] [--cells] [--fit]``.

Prints the errors of requests per second, of the time to the first token and of the time per token, for the cells that
the constants were fitted to, for those that they were not, and for each load and each size from the others. Last come
the figures as ``METRIC name=value``; percentages are of what was measured. ``--fit`` prints the constants instead.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.speed_accuracy.cells import HELD_BACK, TABLES, Cell, read_cells
from tests.speed_accuracy.comparison import (
    Comparison,
    by,
    compare,
    leave_out,
    limit,
    load_of,
    size_of,
)
from tests.speed_accuracy.fit import FAMILIES, TURBOMIND, fit, predicted, scopes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.accuracy.comparison import Errors


def main(arguments: Sequence[str]) -> int:
    """Print the comparison; with ``--fit`` return 1 when the committed constants are not the fitted ones."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.speed_accuracy", description="Compare the speed model."
    )
    parser.add_argument(
        "--file", type=Path, nargs="+", default=(*TABLES, *HELD_BACK), help="tables of measured cells"
    )
    parser.add_argument("--cells", action="store_true", help="print each cell")
    parser.add_argument("--fit", action="store_true", help="print the fitted constants instead")
    options = parser.parse_args(arguments)
    cells = [cell for path in options.file for cell in read_cells(path)]
    return _print_fit(cells) if options.fit else _print_comparison(cells, each=options.cells)


def _print_fit(cells: Sequence[Cell]) -> int:
    differ = False
    base = fit(TURBOMIND, cells)
    for family in FAMILIES:
        refitted = base if family is TURBOMIND else fit(family, cells, base)
        for name in family.fitted:
            committed, value = getattr(family.committed, name), getattr(refitted, name)
            differ |= committed != value
            remark = "" if committed == value else f"not {committed:g}"
            print(f"{family.name:10} {name:22} {value:8g} {remark}")
    for scope in sorted(map(str, scopes(cell for cell in cells if cell.is_fitted))):
        print(scope)
    return int(differ)


def _print_comparison(cells: Sequence[Cell], *, each: bool) -> int:
    fitted = [cell for cell in cells if cell.is_fitted]
    unseen = [cell for cell in cells if not cell.is_fitted and not cell.is_held_back]
    held_back = [cell for cell in cells if cell.is_held_back]
    if each:
        _print_cells(cells)
    metrics = _printed("cells that the constants were fitted to", {"all": compare(fitted)}, "fitted")
    _printed("the same by size", _compared_by(fitted, size_of), None)
    _printed("the same by limit", _compared_by(fitted, limit), None)
    if unseen:
        metrics |= _printed(
            "cells that they were not fitted to: 3 to 8 cores, passive threads, another machine",
            {"all": compare(unseen)},
            "unseen",
        )
        _printed("the same by size", _compared_by(unseen, size_of), None)
    if held_back:
        metrics |= _printed(
            "loads and servers that were measured after the model", {"all": compare(held_back)}, "held_back"
        )
        _printed("the same by size", _compared_by(held_back, size_of), None)
        _printed("the same by limit", _compared_by(held_back, limit), None)
    metrics |= _printed("each load, from the other loads", leave_out(cells, load_of), "left_out_load")
    metrics |= _printed("each size, from the other sizes", leave_out(cells, size_of), "left_out_size")
    for name, value in metrics.items():
        print(f"METRIC {name}={value:g}")
    return 0


def _compared_by(cells: Sequence[Cell], key: Callable[[Cell], str]) -> dict[str, Comparison]:
    return {group: compare(own) for group, own in by(cells, key).items()}


def _print_cells(cells: Sequence[Cell]) -> None:
    for cell in cells:
        family = next(family for family in FAMILIES if family.holds(cell))
        model = predicted(cell, family.committed)
        said = [
            f"{model.rate:.2f} ({cell.rate:.2f}) requests/s" if cell.rate else "",
            f"first token {model.response.ttft:.3f} ({cell.ttft_seconds:.3f}) s" if cell.ttft_seconds else "",
            f"per token {model.response.per_token:.4f} ({cell.seconds_per_token:.4f}) s"
            if cell.seconds_per_token
            else "",
        ]
        print(f"  {cell}: {', '.join(filter(None, said))}, limit {limit(cell)}")


def _printed(title: str, groups: Mapping[str, Comparison], prefix: str | None) -> dict[str, float]:
    print(f"{title}:")
    for group, found in groups.items():
        print(
            f"  {group}: {found.cells} cells; requests/s {_spread(found.rate)}; first token {_spread(found.ttft)}; "
            f"per token {_spread(found.per_token)}; worst: {found.worst}"
        )
    if prefix is None:
        return {}
    return {
        f"{prefix}_{what}_{kind}_percent": round(100 * value, 1)
        for what in ("rate", "ttft", "per_token")
        for kind, value in _over_all([getattr(found, what) for found in groups.values()]).items()
    }


def _over_all(errors: Sequence[Errors]) -> dict[str, float]:
    sizes = [abs(value) for each in errors for value in each.values]
    return {"mean": sum(sizes) / len(sizes), "worst": max(sizes)} if sizes else {}


def _spread(errors: Errors) -> str:
    return f"{errors.mean:.0%} (worst {errors.worst:.0%})" if errors.values else "not measured"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
