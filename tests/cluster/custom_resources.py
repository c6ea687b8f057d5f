"""Makes custom kinds known to a local cluster."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING
from urllib.error import HTTPError

from tests.cluster.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.control_plane import LocalCluster

SERVED_SECONDS = 30.0


def install_crds(cluster: LocalCluster, *files: Path) -> None:
    """Apply CustomResourceDefinitions and wait until their kinds are served.

    Raises:
        KubectlError: One was refused.
        AssertionError: One was not served in time.
    """
    for file in files:
        cluster.kubectl("apply", "--server-side", "-f", str(file))
        eventually(partial(_is_served, cluster, file), f"{file.name} served", SERVED_SECONDS)


def _is_served(cluster: LocalCluster, file: Path) -> bool:
    """Whether discovery, by which clients find a kind, tells of it: that is later than its condition Established."""
    spec = json.loads(cluster.kubectl("get", "-f", str(file), "-o", "json"))["spec"]
    groups = json.loads(cluster.get("/apis"))["groups"]
    if spec["group"] not in {group["name"] for group in groups}:
        return False
    versions = [version["name"] for version in spec["versions"] if version["served"]]
    return all(spec["names"]["plural"] in _plurals(cluster, spec["group"], version) for version in versions)


def _plurals(cluster: LocalCluster, group: str, version: str) -> set[str]:
    try:
        listed = json.loads(cluster.get(f"/apis/{group}/{version}"))
    except HTTPError as error:
        error.close()
        return set()
    return {kind["name"] for kind in listed["resources"]}
