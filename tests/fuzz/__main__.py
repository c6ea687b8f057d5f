"""`python -m tests.fuzz`: reconcile many random resources, and say what went wrong."""

from __future__ import annotations

import argparse
import asyncio
import sys

from tests.fuzz.run import fuzz

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--resources", type=int, default=10_000, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="default: as long as it takes")
    parser.add_argument("--seed", type=int, default=1, help="of the first resource (default: %(default)s)")
    options = parser.parse_args()
    outcome = asyncio.run(fuzz(options.resources, options.seed, options.seconds))
    print(*outcome.uncaught[:5], sep="\n")
    print(outcome.report)
    sys.exit(bool(outcome.uncaught or outcome.internal_errors or outcome.unlike))
