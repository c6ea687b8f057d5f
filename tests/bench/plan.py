"""How long ``internvl plan`` takes, cold start included: ``python -m tests.bench.plan [--runs N]``.

Each run is a process of its own; the first one of each model is left out, for it may have to write bytecode.
"""

import argparse
import subprocess
import sys
import time
from statistics import median

from internvl_operator.catalog.models import MODELS

LIMIT_SECONDS = 0.3


def main() -> int:
    """Print median and worst of each model; return 1 when one of them is above the limit."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.plan", description="Time `internvl plan`.")
    parser.add_argument("--runs", type=int, default=20, help="runs of each model (20)")
    runs = parser.parse_args().runs
    slowest = 0.0
    for model in MODELS.values():
        seconds = [_seconds(model.name) for _ in range(runs + 1)][1:]
        slowest = max(slowest, *seconds)
        print(f"{model.name:>19}: median {median(seconds):.3f} s, worst {max(seconds):.3f} s of {runs}")
    print(f"METRIC plan_worst_seconds={slowest:.3f}")
    return int(slowest > LIMIT_SECONDS)


def _seconds(name: str) -> float:
    command = [sys.executable, "-m", "internvl_operator", "plan", name, "--gpu", "A100-80GB"]
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
