"""`python -m tests.kubernetes_types`: write the schemas of Kubernetes's types as a local API server describes them."""

from __future__ import annotations

from pathlib import Path

from tests.cluster.control_plane import LocalCluster
from tests.kubernetes_types.openapi import kubernetes_types

FILE = Path(__file__).parents[2] / "operator/internvl_operator/api/kubernetes_types.json"

if __name__ == "__main__":
    with LocalCluster(components=()) as cluster:
        FILE.write_text(kubernetes_types(cluster.get))
