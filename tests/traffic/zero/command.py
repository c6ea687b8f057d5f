"""``zero``: a model of no replicas behind KEDA and its HTTP add-on, which wake it and stop it."""

from __future__ import annotations

import argparse
import os
import sys

from tests.traffic.zero.stand import stand
from tests.traffic.zero.steps import STEPS


def main(arguments: list[str]) -> int:
    """Run the steps one after the other; the exit code is 1 if a request was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.traffic zero", description=__doc__)
    parser.add_argument("--only", choices=list(STEPS), action="append", help="a step; again for another")
    parser.add_argument("--rounds", type=int, default=200, help="of the step 'stopping' (200)")
    options = parser.parse_args(arguments)
    if sys.platform != "linux" or os.geteuid() != 0:
        parser.error("it makes a network of its own, for which it takes Linux and root")
    metrics: dict[str, float] = {}
    with stand() as there:
        for name in options.only or STEPS:
            metrics |= STEPS[name](there, options.rounds)
    print("\n".join(f"METRIC {name}={value:g}" for name, value in metrics.items()))
    return 1 if any(value for name, value in metrics.items() if name.startswith("lost_")) else 0
