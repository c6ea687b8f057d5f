"""Files of Debian packages, without installing them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.programs.versions import UnobtainableError

if TYPE_CHECKING:
    from collections.abc import Sequence


def unpack(packages: Sequence[str], root: Path) -> None:
    """Unpack packages of this machine's own Debian or Ubuntu release into a directory.

    Raises:
        UnobtainableError: It is another system, or its packages cannot be reached.
    """
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise UnobtainableError(f"{' and '.join(packages)} cannot be fetched: this is not Debian or Ubuntu")
    root.mkdir(parents=True, exist_ok=True)
    try:
        _run(["apt-get", "download", "--quiet", *packages], root)
    except UnobtainableError:
        _download_by_own_index(packages, root)
    for archive in root.glob("*.deb"):
        _run(["dpkg-deb", "--extract", str(archive), str(root)], root)
        archive.unlink()


def _download_by_own_index(packages: Sequence[str], root: Path) -> None:
    """Download by a package index of our own: images of containers come without one, or it is out of date."""
    with tempfile.TemporaryDirectory() as scratch:
        for directory in ("lists/partial", "archives/partial"):
            (Path(scratch) / directory).mkdir(parents=True)
        apt = ["apt-get", "--quiet", "--option", f"Dir::State::Lists={scratch}/lists"]
        apt += ["--option", f"Dir::Cache={scratch}", "--option", "APT::Sandbox::User=root"]
        _run([*apt, "update"], root)
        _run([*apt, "download", *packages], root)


def _run(command: list[str], directory: Path) -> None:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = " | ".join(done.stderr.strip().splitlines()[-3:])
        raise UnobtainableError(f"{' '.join(command)} failed: {reason}")
