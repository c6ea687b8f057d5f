"""Makes custom kinds known to a local cluster."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from tests.cluster.waiting import condition, eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster.control_plane import LocalCluster

ESTABLISHED_SECONDS = 30.0


def install_crds(cluster: LocalCluster, *files: Path) -> None:
    """Apply CustomResourceDefinitions and wait until their kinds are served.

    Raises:
        KubectlError: One was refused.
        AssertionError: One was not established in time.
    """
    for file in files:
        cluster.kubectl("apply", "--server-side", "-f", str(file))
        # kubectl wait fails on a CRD so new that it has no conditions yet.
        eventually(partial(_is_established, cluster, file), f"{file.name} established", ESTABLISHED_SECONDS)


def _is_established(cluster: LocalCluster, file: Path) -> bool:
    body = json.loads(cluster.kubectl("get", "-f", str(file), "-o", "json"))
    return condition(body, "Established").get("status") == "True"
