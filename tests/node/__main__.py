"""`python -m tests.node`: a cluster with real nodes and the operator, until Ctrl-C."""

from __future__ import annotations

import signal
import sys

from tests.cluster.processes import ProcessError
from tests.cluster.programs.binaries import MissingBinariesError
from tests.node.cluster.network import NetworkError
from tests.node.cluster.real_cluster import RealCluster


def main() -> int:
    """Start the cluster, say how to reach it, and keep it until a signal comes."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        with RealCluster() as real:
            print(f"export KUBECONFIG={real.cluster.kubeconfig()}", flush=True)
            while True:
                signal.pause()
    except (MissingBinariesError, NetworkError, ProcessError) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
