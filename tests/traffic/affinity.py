"""``affinity``: the share of further questions to an image that reach the replica which has it."""

from __future__ import annotations

import argparse
import asyncio
import random
import time

from tests.traffic.clients import MOST_TILES, Outcomes, ask, connection, picture, question
from tests.traffic.stand import stand

CLIENTS = 32
QUESTIONS = (
    "What is in the image?",
    "What is written there?",
    "How many people are there?",
    "Is it day or night?",
)
THINKING_SECONDS = 4.0


def main(arguments: list[str]) -> int:
    """Ask four questions to each of many images, with the picker's affinity and without it."""
    parser = argparse.ArgumentParser(prog="python -m tests.traffic affinity", description=__doc__)
    parser.add_argument("--seconds", type=float, default=180.0, help="of each of the two runs (180)")
    options = parser.parse_args(arguments)
    shares = {}
    lost = 0
    for prefix_caching in ("Enabled", "Disabled"):
        shares[prefix_caching], outcomes = asyncio.run(_run(prefix_caching, options.seconds))
        lost += len(outcomes.failures)
        print(
            f"engine.prefixCaching {prefix_caching}: {len(outcomes.done)} requests, "
            f"{shares[prefix_caching]:.1%} of the further questions at the same replica, "
            f"TTFT p95 {outcomes.ttft(0.95):.2f} s, {len(outcomes.failures)} lost",
            flush=True,
        )
    print(f"METRIC affinity_share={shares['Enabled']:.3f}")
    print(f"METRIC affinity_share_without={shares['Disabled']:.3f}")
    print(f"METRIC lost_requests={lost}")
    return 1 if lost else 0


async def _run(prefix_caching: str, seconds: float) -> tuple[float, Outcomes]:
    outcomes, hits = Outcomes(), []
    with stand(prefix_caching=prefix_caching) as there:
        url, end = there.envoy.url("picker"), time.monotonic() + seconds

        async def client(number: int) -> None:
            chance = random.Random(number)
            async with connection(has_api_key=False) as session:
                await asyncio.sleep(chance.uniform(0, THINKING_SECONDS))
                while time.monotonic() < end:
                    image = picture(chance.randint(1, MOST_TILES), chance.randrange(2**32))
                    before = ""
                    for text in QUESTIONS:
                        outcome = await ask(session, url, question(image, text))
                        outcomes.done.append(outcome)
                        if before and outcome.replica:
                            hits.append(outcome.replica == before)
                        before = outcome.replica
                        await asyncio.sleep(chance.expovariate(1 / THINKING_SECONDS))

        async with asyncio.TaskGroup() as tasks:
            for number in range(CLIENTS):
                tasks.create_task(client(number))
    return sum(hits) / max(1, len(hits)), outcomes
