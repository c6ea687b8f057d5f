"""The operator under a user without a name and with an empty environment, as containers run it.

An image names no user 65532, and OpenShift picks a number at random: what asks the system who it is, fails there.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cluster.components import free_ports
from tests.cluster.operators.operator_process import USER, answers

if TYPE_CHECKING:
    from tests.cluster.control_plane import LocalCluster

UID = 65532
# A user namespace in which this process's user has another number. Its files stay readable.
AS_NAMELESS = (str(shutil.which("unshare")), "--user", f"--map-user={UID}", f"--map-group={UID}")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="user namespaces are Linux's")


def test_the_system_cannot_tell_the_name_of_that_user() -> None:
    script = "import getpass, os; print(os.getuid()); getpass.getuser()"
    asked = subprocess.run(
        [*AS_NAMELESS, sys.executable, "-c", script], env={}, capture_output=True, text=True, check=False
    )
    assert asked.stdout == f"{UID}\n", asked.stderr
    assert asked.returncode != 0


def test_the_operator_starts_and_stops_under_it(cluster: LocalCluster) -> None:
    (port,) = free_ports(1)
    operator = cluster.spawn(
        "nameless",
        [*AS_NAMELESS, sys.executable, "-m", "internvl_operator", "run"],
        {"KUBECONFIG": str(cluster.kubeconfig(USER)), "INTERNVL_HTTP_PORT": str(port)},
        ready=lambda: answers(f"http://127.0.0.1:{port}/readyz"),
    )
    operator.stop()
    assert operator.exit_code == 0, operator.log_tail()
