"""``python -m tests.chaos``: disturb the operator in every way, and compare what comes of it with an undisturbed run.

It runs a control plane of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.instruments.machine import this_machine
from tests.chaos.disturbances.catalog import catalog
from tests.chaos.report import Report, Result, faults_by_kind, metric_lines, table
from tests.chaos.run import Outcome, Reference, disturbed, undisturbed
from tests.chaos.stand import Stand, chaos_stand
from tests.chaos.state import missing_kinds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.chaos.disturbances.catalog import Runs
    from tests.chaos.disturbances.disturbance import Disturbance


def main() -> int:
    """Run the disturbances and print a table; the last lines are ``METRIC name=value``."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument(
        "only", nargs="*", metavar="WORD", help="only disturbances whose name has one of these"
    )
    parser.add_argument("--output", type=Path, default=Path(".local/chaos"), metavar="DIRECTORY")
    options = parser.parse_args()
    directory = options.output.absolute()
    directory.mkdir(parents=True, exist_ok=True)
    chosen = _chosen(catalog(directory), options.only)
    if not chosen:
        parser.error(f"no disturbance is called so; there are: {', '.join(catalog(directory))}")
    report = asyncio.run(_chaos(directory, chosen))
    result = directory / "results.json"
    result.write_text(json.dumps(asdict(report) | {"metrics": report.metrics}, indent=1) + "\n")
    print(f"\n{report.machine}\n\n{table(report)}\n\nFaults injected:\n{faults_by_kind(report)}\n")
    print("\n".join(["Not equal:", *report.problems] if report.problems else ["All runs ended equal."]))
    print(f"\n{result} has more.\n")
    print("\n".join(metric_lines(report)))
    return 1 if report.problems else 0


def _chosen(known: Mapping[str, Runs], only: list[str]) -> dict[str, Runs]:
    return {name: runs for name, runs in known.items() if not only or any(word in name for word in only)}


async def _chaos(directory: Path, chosen: Mapping[str, Runs]) -> Report:
    machine = this_machine()
    results = []
    async with chaos_stand(directory / "cluster") as stand:
        reference = await undisturbed(stand)
        if missing := missing_kinds(reference.states):
            raise RuntimeError(f"the scenario makes no {', '.join(missing)}: there is little to compare")
        _say(f"undisturbed: {reference.writes} writes")
        for name, runs in chosen.items():
            results.append(await _series(stand, reference, name, runs()))
    return Report(machine, reference.writes, results)


async def _series(stand: Stand, reference: Reference, name: str, runs: Iterable[Disturbance]) -> Result:
    process, before = stand.operator.pid, stand.rss_mib()
    outcomes: list[Outcome] = []
    for disturbance in runs:
        outcome = await disturbed(stand, reference, disturbance)
        if outcomes and not outcome.injected and outcomes[0].injected:
            break
        outcomes.append(outcome)
        for problem in outcome.problems:
            _say(f"{name}: {problem}")
    growth = stand.rss_mib() - before if stand.operator.pid == process else None
    result = Result(name, outcomes, growth)
    _say(f"{name}: {result.equal} of {len(outcomes)} equal, {result.injected.total()} faults")
    return result


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
