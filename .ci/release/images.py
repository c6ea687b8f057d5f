"""Builds the images for every platform of images/docker-bake.json: `make images`.

Without --push each image becomes an OCI archive in .local/images/: an engine's own store holds one platform of an image
alone.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from internvl_operator import __version__
from release.errors import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[2]
DEFINITION = ROOT / "images" / "docker-bake.json"
ARCHIVES = ROOT / ".local" / "images"
METADATA = ROOT / ".local" / "images.json"
"""What buildx tells of what it has built: among it the digest of each image."""


def targets() -> dict[str, Any]:
    """Return the images by name, as docker-bake.json defines them."""
    definition: dict[str, dict[str, Any]] = json.loads(DEFINITION.read_text())
    return definition["target"]


def build_command(names: Sequence[str], *, push: bool) -> list[str]:
    """Return the command that builds some images.

    Args:
        names: of the images.
        push: to their registry, each with an SBOM and provenance, in place of an archive.
    """
    command = ["docker", "buildx", "bake", "--file", str(DEFINITION), "--metadata-file", str(METADATA)]
    if push:
        command += ["--push", "--sbom=true", "--provenance=mode=max"]
    else:
        command += [f"--set={name}.output=type=oci,dest={ARCHIVES / name}.tar" for name in names]
    return [*command, *names]


def require_buildx(environment: Mapping[str, str]) -> None:
    """Require docker with buildx.

    Raises:
        ReleaseError: one of them is missing; the message says how to build for this machine alone.
    """
    alone = (
        "for this machine's platform alone: docker build --file images/operator/Dockerfile --tag NAME:TAG ."
    )
    if shutil.which("docker", path=environment.get("PATH")) is None:
        raise ReleaseError("the images of a release need docker with buildx, and there is no docker on PATH")
    told = subprocess.run(
        ["docker", "buildx", "version"], env=dict(environment), capture_output=True, text=True, check=False
    )
    if told.returncode:
        raise ReleaseError(
            f"docker has no buildx, which builds for several platforms: install it; or {alone}"
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Build images and return the exit code: 1 where they cannot be built."""
    parser = argparse.ArgumentParser(prog="python -m release.images", description=__doc__)
    parser.add_argument("--only", choices=targets(), help="one image; default: all")
    parser.add_argument("--registry", help="registry, and path in it, of the images' names")
    parser.add_argument("--push", action="store_true", help="push the images; log in first")
    options = parser.parse_args(arguments)
    names = [options.only] if options.only else list(targets())
    environment = {**os.environ, "VERSION": __version__}
    if options.registry:
        environment["REGISTRY"] = options.registry
    ARCHIVES.mkdir(parents=True, exist_ok=True)
    try:
        require_buildx(environment)
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return subprocess.run(
        build_command(names, push=options.push), cwd=ROOT, env=environment, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
