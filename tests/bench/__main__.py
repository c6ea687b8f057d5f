"""``python -m tests.bench``: how fast the operator converges, and what it costs, against what the API server can do.

It runs etcd and kube-apiserver of its own, a fresh pair for each series.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path

from tests.bench import limit, series
from tests.bench.instruments.machine import this_machine
from tests.bench.instruments.recording import Recording, record
from tests.bench.plot import draw
from tests.bench.report import Report, Run, metric_lines, table

DEFAULT_COUNTS = (200, 1000)
SEARCHED_WITH = 200
"""Resources with which the bare client's best concurrency is found."""


def main() -> int:
    """Run the benchmark and print its table; the last lines are ``METRIC name=value``."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--resources", type=int, nargs="+", default=DEFAULT_COUNTS, metavar="N")
    parser.add_argument("--runs", type=int, default=1, help="runs of each series (1)")
    parser.add_argument(
        "--convergence",
        action="store_true",
        help="cold and hot alone: no rest, edit, restart, deletion or latency",
    )
    parser.add_argument("--output", type=Path, default=Path(".local/bench"), metavar="DIRECTORY")
    options = parser.parse_args()
    report = asyncio.run(_bench(options.resources, options.runs, whole=not options.convergence))
    options.output.mkdir(parents=True, exist_ok=True)
    result, plot = options.output / "results.json", options.output / "plot.svg"
    result.write_text(json.dumps(asdict(report) | {"metrics": report.metrics}, indent=1) + "\n")
    draw(report, plot)
    print(f"\n{report.machine}\n\n{table(report)}\n\n{result} and {plot} have more.\n")
    print("\n".join(metric_lines(report)))
    return 0


async def _bench(counts: list[int], runs: int, *, whole: bool) -> Report:
    machine = this_machine()
    recording = await record()
    concurrency = await limit.best_concurrency(recording, SEARCHED_WITH)
    best = next(iter(concurrency))
    _say(f"the bare client is fastest with {best} writes at once")
    done: list[Run] = []
    latencies: list[list[float]] = []
    for number in range(runs):
        run = partial(_run, recording, at_once=best, limit_first=number % 2 == 0, whole=whole)
        done += [await run(count) for count in counts]
        if whole:
            latencies.append(await series.latencies())
            _say(f"latencies measured, run {number + 1} of {runs}")
    return Report(machine, concurrency, done, latencies)


async def _run(recording: Recording, count: int, at_once: int, *, limit_first: bool, whole: bool) -> Run:
    """Run all series once; who goes first alternates, so that a machine that slows down favours neither."""
    if limit_first:
        limits = {"cold": await limit.cold_seconds(recording, count, at_once)}
        phases = await series.cold(count, whole=whole) | await series.hot(count)
        limits["hot"] = await limit.hot_seconds(recording, count, at_once)
    else:
        phases = await series.cold(count, whole=whole)
        limits = {
            "cold": await limit.cold_seconds(recording, count, at_once),
            "hot": await limit.hot_seconds(recording, count, at_once),
        }
        phases |= await series.hot(count)
    run = Run(count, limits, phases)
    _say(f"{count} resources: {run.ratio('cold'):.2f} cold, {run.ratio('hot'):.2f} hot")
    return run


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
