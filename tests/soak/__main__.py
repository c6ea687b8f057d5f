"""``python -m tests.soak``: random edits, node changes and faults for a long time; then everything must be right.

Acts and faults follow from the seed. It runs a control plane of its own, with simulated nodes and pods.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from tests.bench.crowd import for_each
from tests.bench.instruments.machine import this_machine
from tests.cluster.apiserver.async_waiting import until
from tests.soak.oracle import unconverged
from tests.soak.plan import AddNode, ChangeWeather, Kill, Plan
from tests.soak.report import Sample, Summary, metric_lines, table
from tests.soak.stand import SoakStand, soak_stand

ACTS_PER_SECOND = 3.0
SHARE_WITH_KILLS = 0.4
"""Of the time: afterwards the memory of one process is watched."""

SAMPLE_SECONDS = 5.0
SETTLE_SECONDS = 600.0
QUIET_SECONDS = 75.0
"""A pod whose node is gone looks ready until it is collected, which takes a minute."""

REST_SECONDS = 20.0
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class End:
    """How a soak ended.

    Attributes:
        unconverged: what is wrong, by the name of the resource.
        queue_depth: resources that wait.
        seconds: from the last act to the operator's last write.
    """

    unconverged: dict[str, list[str]]
    queue_depth: int
    seconds: float


def main() -> int:
    """Soak the operator and print a summary; the last lines are ``METRIC name=value``."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1800.0, help="for which acts go on (1800)")
    parser.add_argument("--resources", type=int, default=300, metavar="N", help="at the most (300)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path(".local/soak"), metavar="DIRECTORY")
    options = parser.parse_args()
    directory = options.output.absolute()
    directory.mkdir(parents=True, exist_ok=True)
    summary = asyncio.run(_soak(directory, options.seconds, options.resources, options.seed))
    result = directory / "results.json"
    result.write_text(json.dumps(asdict(summary) | {"metrics": summary.metrics}, indent=1) + "\n")
    print(f"\n{summary.machine}\n\n{table(summary)}\n")
    print("\n".join(summary.problems or ["Everything is as it should be."]))
    print(f"\n{result} has more.\n")
    print("\n".join(metric_lines(summary)))
    return 1 if summary.problems else 0


async def _soak(directory: Path, seconds: float, resources: int, seed: int) -> Summary:
    machine, loop = this_machine(), asyncio.get_running_loop()
    plan = Plan(Random(seed), resources)
    async with soak_stand(directory / "cluster", Random(seed + 1)) as stand:
        await for_each(plan.begin(), stand.carry_out, _AT_ONCE)
        _say(f"{resources} resources and {len(plan.nodes)} nodes are created")
        samples: list[Sample] = []
        sampling = asyncio.create_task(_sample(stand, samples, loop.time()))
        acts = await _act(stand, plan, seconds)
        stand.weather.change("clear")
        end = await _settle(stand, plan)
        sampling.cancel()
        await asyncio.gather(sampling, return_exceptions=True)
        await stand.start_operator()
        writes = stand.writes
        # The absence of writes is what is looked for.
        await asyncio.sleep(REST_SECONDS)
        return Summary(
            machine=machine,
            seed=seed,
            seconds=seconds,
            resources=len(plan.specs),
            acts=dict(acts),
            faults=dict(stand.weather.injected),
            samples=samples,
            settle_seconds=end.seconds,
            unconverged=end.unconverged,
            final_queue_depth=end.queue_depth,
            writes_at_rest=stand.writes - writes,
        )


async def _act(stand: SoakStand, plan: Plan, seconds: float) -> Counter[str]:
    """Carry out acts at a steady pace, and return how many of each kind."""
    acts: Counter[str] = Counter()
    loop = asyncio.get_running_loop()
    started = loop.time()
    total = int(seconds * ACTS_PER_SECOND)
    for number in range(total):
        plan.kills = number < SHARE_WITH_KILLS * total
        await asyncio.sleep(max(0.0, started + number / ACTS_PER_SECOND - loop.time()))
        act = plan.next()
        await stand.carry_out(act)
        acts[type(act).__name__] += 1
        if isinstance(act, ChangeWeather | Kill | AddNode):
            _say(f"{loop.time() - started:5.0f} s  {act}")
    return acts


async def _sample(stand: SoakStand, samples: list[Sample], started: float) -> None:
    loop = asyncio.get_running_loop()
    while True:
        sample = await stand.sample(loop.time() - started)
        if sample is not None:
            samples.append(sample)
        await asyncio.sleep(SAMPLE_SECONDS)


async def _settle(stand: SoakStand, plan: Plan) -> End:
    """Wait until every resource is as it should be and the operator has written nothing for a while."""
    loop = asyncio.get_running_loop()
    began = since = loop.time()
    writes, depth = stand.writes, 0
    problems: dict[str, list[str]] = {}

    async def is_right() -> bool:
        nonlocal writes, since, depth, problems
        if stand.writes != writes:
            writes, since = stand.writes, loop.time()
        problems = unconverged(plan.specs, await stand.bodies())
        sample = await stand.sample(0.0)
        depth = sample.queue_depth if sample else len(plan.specs)
        return not problems and not depth and loop.time() - since >= QUIET_SECONDS

    try:
        await until(is_right, SETTLE_SECONDS, poll=1.0)
    except TimeoutError:
        _say(f"not within {SETTLE_SECONDS:g} s: {len(problems)} resources are not as they should be")
    return End(problems, depth, since - began)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
