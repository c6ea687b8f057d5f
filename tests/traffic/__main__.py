"""``python -m tests.traffic COMMAND``: requests to models while replicas come and go."""

from __future__ import annotations

import sys
from importlib import import_module

COMMANDS = {"zero": "tests.traffic.zero"}
"""Command -> the module whose ``main`` takes the rest of the command line and returns the exit code."""


def main(arguments: list[str]) -> int:
    """Run one command."""
    if not arguments or arguments[0] not in COMMANDS:
        print(f"usage: python -m tests.traffic {{{','.join(COMMANDS)}}} ...", file=sys.stderr)
        return 2
    code: int = import_module(COMMANDS[arguments[0]]).main(arguments[1:])
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
