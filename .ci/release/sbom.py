"""The software bill of materials: the locked packages of the operator's image, in CycloneDX's form."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from release.programs import run

_PROGRAM = Path(sys.executable).with_name("cyclonedx-py")


def bill_of_materials(project: Path, lock: Path, version: str, epoch: int) -> str:
    """Return the JSON document, the same for the same lock.

    Args:
        project: the pyproject.toml.
        lock: requirements with versions and hashes.
        version: of the release.
        epoch: time of the document, in seconds since 1970.

    Raises:
        ReleaseError: the lock cannot be read.
    """
    # What is published is validated by tests/release/test_dist.py, after the changes below.
    options = ("--pyproject", project, "--mc-type", "application", "--output-reproducible", "--no-validate")
    environment = {"SOURCE_DATE_EPOCH": str(epoch)}
    document = json.loads(run(_PROGRAM, "requirements", lock, *options, environment=environment))
    # The project's version is dynamic, so pyproject.toml does not have it.
    document["metadata"]["component"]["version"] = version
    for component in document["components"]:
        # The line of the lock, with every hash once more.
        component.pop("description", None)
    return json.dumps(document, indent=2) + "\n"
