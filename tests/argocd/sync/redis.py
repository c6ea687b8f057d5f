"""Redis: installed, or unpacked from Debian's packages without installing them."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.programs.binaries import MissingBinariesError, cache_directory
from tests.cluster.programs.debian_packages import unpack
from tests.cluster.programs.versions import UnobtainableError

PACKAGES = ("redis-server", "redis-tools", "libatomic1", "libjemalloc2", "liblzf1")
"""With the libraries that a minimal Debian lacks."""


@dataclass(frozen=True, slots=True)
class Redis:
    """A Redis server's program.

    Attributes:
        program: Its path.
        libraries: Where the libraries that came with it are; None: the system has them.
    """

    program: Path
    libraries: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Environment in which it finds its libraries."""
        if self.libraries is None:
            return dict(os.environ)
        return {**os.environ, "LD_LIBRARY_PATH": str(self.libraries)}


def redis() -> Redis:
    """The Redis server on PATH, or else Debian's, kept in the cache.

    Raises:
        MissingBinariesError: There is none, and the packages could not be had.
    """
    if installed := shutil.which("redis-server"):
        return Redis(Path(installed))
    unpacked = cache_directory(os.environ) / "redis-debian"
    if not unpacked.exists():
        _unpack(unpacked)
    (libraries,) = {path.parent for path in unpacked.glob("usr/lib/*/libjemalloc.so.2")}
    return Redis(unpacked / "usr" / "bin" / "redis-server", libraries)


def _unpack(target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".incomplete-", dir=target.parent) as scratch:
        try:
            unpack(PACKAGES, Path(scratch) / "unpacked")
        except UnobtainableError as error:
            raise MissingBinariesError(
                f"redis-server is needed and could not be had: install it, for example with apt-get. {error}"
            ) from error
        (Path(scratch) / "unpacked").replace(target)
