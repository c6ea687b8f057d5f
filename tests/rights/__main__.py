"""`python -m tests.rights`: withholds one right after the other and sees that the test which names it fails."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from tests.cluster.operators.rights import WITHHELD
from tests.rights.table import PAGE, RIGHTS, ROOT, with_section

if TYPE_CHECKING:
    from collections.abc import Iterable

TESTS_FAILED = 1
"""pytest's exit code when tests ran and some failed (``pytest.ExitCode``)."""


def passes(test: str, withheld: str = "") -> bool:
    """Tell whether a test passes while a right is withheld.

    Raises:
        RuntimeError: pytest did not get to run it.
    """
    environment = {**os.environ, WITHHELD: withheld}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--timeout=150", f"tests/cluster/{test}"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, TESTS_FAILED):
        raise RuntimeError(
            f"pytest ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    return done.returncode == 0


def main(only: Iterable[str]) -> int:
    """Try all rights, or those whose names hold one of some texts; return 1 when one is not needed."""
    words = tuple(only)
    chosen = [right for right in RIGHTS if not words or any(word in right.name for word in words)]
    broken = {test for test in {right.test for right in chosen} if not passes(test)}
    unneeded = []
    for right in chosen:
        started = time.monotonic()
        is_needed = right.test not in broken and not passes(right.test, right.name)
        verdict = "fails, as it should" if is_needed else "PASSES"
        if right.test in broken:
            verdict = f"not tried: {right.test} FAILS with every right"
        print(f"without {right.name:40} {verdict} ({time.monotonic() - started:.0f} s)", flush=True)
        unneeded += [] if is_needed else [right]
    if not unneeded:
        PAGE.write_text(with_section(PAGE.read_text()))
    print(f"{len(chosen) - len(unneeded)} of {len(chosen)} rights are needed")
    return 1 if unneeded else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
