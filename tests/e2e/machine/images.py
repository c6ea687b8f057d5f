"""Images: those that are here, else pulled from their registries, else stand-ins made of packages and Go modules."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.programs.binaries import locate
from tests.e2e.machine.debian import root_file_system
from tests.e2e.machine.shell import ROOT, CommandError, Shell, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

FILES = Path(__file__).with_name("files")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
PULL_SECONDS = 600.0
BUILD_SECONDS = 900.0
BASES = re.compile(r"^(?:# syntax=|FROM )(\S+)", re.MULTILINE)


def has(shell: Shell, image: str) -> bool:
    """Return whether the engine has an image."""
    return shell.succeeds("docker", "image", "inspect", image)


def obtain(shell: Shell, image: str, make: Callable[[], None]) -> None:
    """Make sure that the engine has an image: local, pulled, or else made here."""
    if has(shell, image) or shell.succeeds("docker", "pull", "--quiet", image, seconds=PULL_SECONDS):
        return
    say(f"no registry has {image}: making a stand-in")
    make()


def build(shell: Shell, dockerfile: Path, context: Path, tag: str, *options: str) -> None:
    """Build an image."""
    command = ["nice", "docker", "build", "--quiet", "--file", str(dockerfile), "--tag", tag, *options]
    shell.run(*command, context, seconds=BUILD_SECONDS)


@contextmanager
def build_context(home: Path, *files: Path) -> Iterator[Path]:
    """A directory with files in it, for a build; it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="context-", dir=home) as directory:
        for file in files:
            shutil.copy(file, directory)
        yield Path(directory)


def base_images(shell: Shell, home: Path, dockerfiles: Iterable[Path]) -> None:
    """Make sure that the engine has the images with which Dockerfiles begin.

    Args:
        shell: Reaches the engine.
        home: Keeps what stand-ins are made of.
        dockerfiles: Of this project.
    """
    wanted = {image for file in dockerfiles for image in BASES.findall(file.read_text())}
    for image in sorted(wanted):
        obtain(shell, image, lambda image=image: _stand_in(shell, home, image))  # type: ignore[misc]


def _stand_in(shell: Shell, home: Path, image: str) -> None:
    """Build the stand-in for an image, and give it the image's name: BuildKit asks no registry for a local one."""
    name, _, version = image.rpartition("/")[2].partition(":")
    match name:
        case "python":
            # Debian has one Python: what asks for 3.12 gets the same.
            packages = ("python3", "python3-pip", "ca-certificates")
            archive = root_file_system("trixie", packages, home / "python.tar")
            files, target = [archive, CERTIFICATES], "python"
        case "uv":
            files, target = [_uv(home, version)], "uv"
        case "dockerfile":
            files, target = list(locate(["dockerfile-frontend"]).values()), "dockerfile-frontend"
        case _:
            raise CommandError(f"{image} is in no registry that can be reached, and nothing stands in for it")
    with build_context(home, *files) as context:
        build(shell, FILES / "base.Dockerfile", context, image, "--target", target)


def _uv(home: Path, version: str) -> Path:
    """The program uv, from its wheel."""
    program = home / f"uv-{version}" / "uv"
    if program.exists():
        return program
    with tempfile.TemporaryDirectory() as scratch:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        Shell().run(
            *pip, "--no-deps", "--only-binary", ":all:", "--dest", scratch, f"uv=={version}", directory=ROOT
        )
        (wheel,) = Path(scratch).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (member,) = (name for name in archive.namelist() if name.endswith("/scripts/uv"))
            program.parent.mkdir(exist_ok=True)
            program.write_bytes(archive.read(member))
    program.chmod(0o755)
    return program
