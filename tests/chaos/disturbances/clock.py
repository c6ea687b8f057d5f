"""libfaketime, which gives one process another time of day."""

from __future__ import annotations

import os
from pathlib import Path

from tests.cluster.programs.binaries import cache_directory
from tests.cluster.programs.debian_packages import unpack

_NAME = "libfaketime.so.1"


def faketime_library() -> Path:
    """Return the library: this machine's own, or that of Debian's package, which is not installed.

    Raises:
        UnobtainableError: there is none.
    """
    kept = cache_directory(os.environ).parent / "faketime"
    found = [*Path("/usr/lib").glob(f"*/faketime/{_NAME}"), *kept.rglob(_NAME)]
    if not found:
        unpack(["libfaketime"], kept)
        found = [*kept.rglob(_NAME)]
    return found[0]
