"""The runner with the stub in the engine's place, and an nvidia-smi that says what a test wants."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cluster.components import free_ports
from tests.gpu.cases import CASES, container, rendered
from tests.gpu.container.pod import Isolation
from tests.gpu.run import Machine, Run
from tests.stub.server import PACKAGE

if TYPE_CHECKING:
    from tests.gpu.container.manifest import Container

_NVIDIA_SMI = """#!{python}
import pathlib, socket, sys
if "name" in sys.argv[1]:
    print("NVIDIA H200, 580.0, 143771")
else:
    with socket.socket() as probe:
        serving = probe.connect_ex(("127.0.0.1", {port})) == 0
    print(pathlib.Path({used!r}).read_text() if serving else 0)
"""


class Bench:
    """Runs cases on the stub, with probes that come a hundred times as often."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (self.port,) = free_ports(1)
        self.lines: list[str] = []
        self.models = directory / "models"
        self.directory = directory
        self._used = directory / "used"
        self._monkeypatch = monkeypatch
        programs = directory / "bin"
        programs.mkdir()
        (programs / "lmdeploy").symlink_to(PACKAGE / "lmdeploy")
        smi = programs / "nvidia-smi"
        smi.write_text(_NVIDIA_SMI.format(python=sys.executable, port=self.port, used=str(self._used)))
        smi.chmod(0o755)
        path = [str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]
        self.environment(PATH=os.pathsep.join(path), PYTHONPATH=str(PACKAGE), STUB_TOKEN_SECONDS="0.006")

    def environment(self, **variables: str) -> None:
        """Set variables of the machine; the stub's behaviour is among them."""
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)

    def container(self, case: str) -> Container:
        """The container that is rendered for a case, on a free port."""
        serving = container(rendered(CASES[case], "NVIDIA-H200"))
        (self.models / Path(serving.model_directory).name).mkdir(parents=True, exist_ok=True)
        probes = {
            kind: replace(probe, period=probe.period / 100, timeout=5)
            for kind, probe in serving.probes.items()
        }
        serving = serving.with_flag("--server-port", str(self.port))
        return replace(serving, port=self.port, probes=probes, grace_seconds=20)

    def run(self, case: str, share_of_plan: float = 1.0, budget: float = 20.0) -> Run:
        """A run that finds this share of the planned memory used, as long as its port is open."""
        serving = self.container(case)
        self._used.write_text(str(round(serving.plan["memory"]["usedMiB"] * share_of_plan)))
        machine = Machine(self.directory, self.models, Isolation(mounts=False, user=False), self.lines.append)
        return Run(case, serving.with_startup_budget(budget), machine, CASES[case].outcome, stream_seconds=1)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)
