"""Makes custom kinds known to a local cluster."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import yaml

from tests.cluster.apiserver.api import APPLY
from tests.cluster.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.control_plane import LocalCluster
    from tests.cluster.waiting import Object

SERVED_SECONDS = 30.0


def install_crds(cluster: LocalCluster, *files: Path) -> None:
    """Apply CustomResourceDefinitions and wait until their kinds are served.

    Raises:
        RefusedError: One was refused.
        AssertionError: One was not served in time.
    """
    for file in files:
        definition = yaml.load(file.read_text(), Loader=yaml.CSafeLoader)
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{definition['metadata']['name']}"
        options = {"fieldManager": "tests", "force": "true"}
        cluster.api.request("PATCH", path, definition, content_type=APPLY, **options).granted()
        eventually(partial(_is_served, cluster, definition["spec"]), f"{file.name} served", SERVED_SECONDS)


def _is_served(cluster: LocalCluster, spec: Object) -> bool:
    """Whether discovery, by which clients find a kind, tells of it: that is later than its condition Established."""
    groups = cluster.api.request("GET", "/apis").granted()["groups"]
    if spec["group"] not in {group["name"] for group in groups}:
        return False
    versions = [version["name"] for version in spec["versions"] if version["served"]]
    return all(spec["names"]["plural"] in _plurals(cluster, spec["group"], version) for version in versions)


def _plurals(cluster: LocalCluster, group: str, version: str) -> set[str]:
    answer = cluster.api.request("GET", f"/apis/{group}/{version}")
    return {kind["name"] for kind in answer.body["resources"]} if answer.accepted else set()
