"""Debian packages: installed where a program is missing, and as the root file systems of images."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from tests.e2e.machine.shell import CommandError, Shell, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

INSTALL_SECONDS = 600.0
BOOTSTRAP_SECONDS = 900.0
LEFT_OUT = ("doc", "locale", "man")


def install(packages: Mapping[str, str]) -> None:
    """Install the packages of the programs that are missing.

    Args:
        packages: Package by a program of it.

    Raises:
        CommandError: This is not Debian, or the packages cannot be had.
    """
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    missing = [package for program, package in packages.items() if shutil.which(program, path=path) is None]
    if not missing:
        return
    if shutil.which("apt-get") is None:
        raise CommandError(f"make e2e needs docker; without apt-get it cannot install {', '.join(missing)}")
    say(f"installing the Debian packages {', '.join(missing)}")
    apt = Shell({**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    apt.run("apt-get", "update", "-qq", seconds=INSTALL_SECONDS)
    apt.run(
        "apt-get", "install", "-qq", "--yes", "--no-install-recommends", *missing, seconds=INSTALL_SECONDS
    )


def root_file_system(release: str, packages: Sequence[str], archive: Path) -> Path:
    """Make a tar archive with a small Debian, unless it is there.

    Args:
        release: Of Debian, by its name.
        packages: Beside the essential ones.
        archive: To write.
    """
    if archive.exists():
        return archive
    say(f"making a Debian {release} with {len(packages)} packages")
    unfinished = archive.with_suffix(".unfinished.tar")
    excluded = [f"--dpkgopt=path-exclude=/usr/share/{directory}/*" for directory in LEFT_OUT]
    command = ["nice", "mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(packages)}"]
    Shell().run(*command, *excluded, release, unfinished, seconds=BOOTSTRAP_SECONDS)
    return unfinished.replace(archive)
