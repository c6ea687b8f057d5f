"""The results as a table, with each server beside the plain one: ``python -m tests.speed.report FILE``."""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from tests.speed.figures import read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_HEADER = (
    "| server | images | in flight | cores | cores used | requests/s | TTFT p50, s | a token, s | to plain |\n"
    "|---|---|---:|---:|---:|---:|---:|---:|---:|"
)
_PLAIN = "plain"


def table(results: Path, machine: str) -> str:
    """Return the figures of one machine as a Markdown table.

    Args:
        results: CSV file of the campaign.
        machine: whose rows are shown.
    """
    rows = [row for row in read(results) if row["machine"] == machine]
    return "\n".join([_HEADER, *(_line(row, plain_rate(row, rows)) for row in rows)])


def tables(results: Path) -> str:
    """Return the tables of all machines, in the order in which they were measured."""
    machines = dict.fromkeys(row["machine"] for row in read(results))
    return "\n\n".join(table(results, machine) for machine in machines)


def plain_rate(row: Mapping[str, str], rows: Sequence[Mapping[str, str]]) -> float | None:
    """Return the rate of the plain command line under the same load, the mean of its runs; None without a run.

    Args:
        row: of any server.
        rows: of one machine.
    """
    plain = f"{_model(row)} {_PLAIN}"
    rates = [
        float(other["requests_per_s"])
        for other in rows
        if other["server"] in (plain, f"{plain} again") and _load(other) == _load(row)
    ]
    return fmean(rates) if rates else None


def _model(row: Mapping[str, str]) -> str:
    """Return the size and, where it is not the default, the backend, with which each server's name begins."""
    words = row["server"].split()
    return " ".join(words[:2] if words[1] == "PyTorch" else words[:1])


def _load(row: Mapping[str, str]) -> tuple[str, ...]:
    names = ("image", "in_flight", "output_tokens", "arrivals_per_s", "answers_spread")
    return tuple(row[name] for name in names)


def _offered(row: Mapping[str, str]) -> str:
    if row["arrivals_per_s"]:
        return f"{row['arrivals_per_s']} per second"
    return row["in_flight"]


def _line(row: Mapping[str, str], plain: float | None) -> str:
    rate = float(row["requests_per_s"])
    ratio = f"{rate / plain:.2f}" if plain else ""
    columns = [row["server"], row["image"], _offered(row), row["cpus"], row["cpus_used"]]
    columns += [f"{rate:.1f}", row["ttft_p50_s"], row["token_p50_s"], ratio]
    return f"| {' | '.join(columns)} |"


if __name__ == "__main__":
    print(tables(Path(sys.argv[1])))
