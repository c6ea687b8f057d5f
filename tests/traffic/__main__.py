"""``python -m tests.traffic COMMAND``: requests through the parts that stand between clients and the replicas.

The last lines of each command are ``METRIC name=value``.
"""

from __future__ import annotations

import sys

from tests.traffic import affinity, balance
from tests.traffic.zero import command as zero

COMMANDS = {
    "balance": balance.main,
    "affinity": affinity.main,
    "zero": zero.main,
}
"""Name -> what runs it with the arguments behind the name, and returns the exit code."""


def main(arguments: list[str]) -> int:
    """Run a command."""
    if not arguments or arguments[0] not in COMMANDS:
        print(f"usage: python -m tests.traffic {{{','.join(COMMANDS)}}} [options]", file=sys.stderr)
        return 2
    return COMMANDS[arguments[0]](arguments[1:])


sys.exit(main(sys.argv[1:]))
