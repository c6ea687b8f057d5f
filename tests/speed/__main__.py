"""Measures how fast LMDeploy serves on this machine's GPU: ``python -m tests.speed --results FILE``."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from tests.speed.cells import GROUPS
from tests.speed.report import table

if TYPE_CHECKING:
    from collections.abc import Sequence

_NEEDS_GPU = """\
The measurement needs a machine with an NVIDIA GPU and LMDeploy: {missing}.
Run it there, with the Python that has LMDeploy: make speed PYTHON=/path/to/python.
"""
_PROGRAMS = ("nvidia-smi", "lmdeploy", "taskset")
_PACKAGES = ("lmdeploy", "tokenizers", "numpy", "PIL", "pydantic", "jinja2", "yaml", "orjson")
_BOOT = Path("/proc/sys/kernel/random/boot_id")


def main(arguments: Sequence[str]) -> int:
    """Run the campaign, or the chosen groups of it.

    Returns:
        0 when every server came up, 1 when one did not, 2 when this machine cannot run the campaign.
    """
    options = _options(arguments)
    if missing := _missing():
        sys.stderr.write(_NEEDS_GPU.format(missing=missing))
        return 2
    # Not before: these need the packages.
    from tests.gpu import nvidia
    from tests.speed.campaign import Campaign

    options.directory.mkdir(parents=True, exist_ok=True)
    campaign = Campaign(
        machine=_BOOT.read_text().strip()[:8],
        gpu=nvidia.gpus()[0].name,
        engine=metadata.version("lmdeploy"),
        directory=options.directory.resolve(),
        results=options.results,
        warm_up=options.warm_up,
        seconds=options.seconds,
        wait_seconds=options.wait,
        tell=lambda line: print(line, flush=True),
    )
    servers = [server for group in options.group or GROUPS for server in GROUPS[group]]
    came_up = campaign.run(servers, time.monotonic() + options.budget)
    print(table(options.results, campaign.machine))
    return 0 if came_up else 1


def _missing() -> str:
    """Return what the campaign lacks here; empty: nothing."""
    programs = [program for program in _PROGRAMS if not shutil.which(program)]
    packages = [package for package in _PACKAGES if not find_spec(package)]
    lacking = [f"there is no {program}" for program in programs]
    lacking += [f"this Python has no {package}" for package in packages]
    return ", ".join(lacking)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.speed",
        description="Starts LMDeploy on random weights of the true shapes, as internvl render says, in one environment "
        "after the other, and measures each under load. What the file of results holds of this boot of this machine "
        "is not measured again.",
    )
    parser.add_argument("--results", type=Path, required=True, metavar="FILE", help="CSV file, which grows")
    parser.add_argument("--group", action="append", choices=list(GROUPS), help="repeatable (all)")
    parser.add_argument("--seconds", type=float, default=15, help="measured part of each load (%(default)g)")
    parser.add_argument(
        "--warm-up",
        type=float,
        default=20,
        help="seconds before it (%(default)g): two requests of a slow server",
    )
    parser.add_argument("--wait", type=float, default=240, help="seconds for a server's health (%(default)g)")
    parser.add_argument(
        "--budget", type=float, default=float("inf"), help="seconds after which no server is started"
    )
    parser.add_argument(
        "--directory", type=Path, default=Path("/tmp/internvl-speed"), help="for the weights (%(default)s)"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
