"""The images of this checkout and of the release before it, built as their Dockerfiles say."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from tests.e2e.machine.images import base_images, build
from tests.e2e.machine.shell import ROOT, CommandError, say

if TYPE_CHECKING:
    from tests.e2e.machine.shell import Shell

CHART = ROOT / "charts" / "internvl-operator"
STUB = "lmdeploy-stub:e2e"
# Until there is a tag, a commit stands for the previous release: the last one before its image could start.
PREVIOUS_RELEASE = "c1b9463"
PREVIOUS_TAG = "previous"


def _repository_and_tag() -> tuple[str, str]:
    """What the chart names when it is given no values: so they are tested as they are."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    return values["image"]["repository"], yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]


REPOSITORY, TAG = _repository_and_tag()
OPERATOR = f"{REPOSITORY}:{TAG}"
PREVIOUS_OPERATOR = f"{REPOSITORY}:{PREVIOUS_TAG}"
IMAGES = (OPERATOR, PREVIOUS_OPERATOR, STUB)


def build_images(shell: Shell, home: Path) -> None:
    """Build all of them; what has not changed comes from the engine's cache."""
    with tempfile.TemporaryDirectory(prefix="previous-", dir=home) as directory:
        previous = previous_release(Path(directory))
        wanted = (
            (ROOT, "operator", OPERATOR),
            (previous, "operator", PREVIOUS_OPERATOR),
            (ROOT, "stub", STUB),
        )
        base_images(shell, home, [_dockerfile(source, name) for source, name, _ in wanted])
        for source, name, tag in wanted:
            say(f"building {tag}")
            build(shell, _dockerfile(source, name), source, tag)


def previous_release(directory: Path) -> Path:
    """Write the sources of the previous release into a directory.

    Raises:
        CommandError: This clone does not hold its commit.
    """
    archive = subprocess.run(["git", "archive", PREVIOUS_RELEASE], cwd=ROOT, capture_output=True, check=False)
    if archive.returncode != 0:
        raise CommandError(
            f"this clone has no commit {PREVIOUS_RELEASE}, the previous release that the upgrade begins with:"
            f" git fetch --unshallow\n{archive.stderr.decode()}"
        )
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as sources:
        sources.extractall(directory, filter="data")
    return directory


def _dockerfile(source: Path, name: str) -> Path:
    return source / "images" / name / "Dockerfile"
