"""The campaign with the stub in the engine's place."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.stub.server import PACKAGE, Stubs

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN_SECONDS = 0.02


@pytest.fixture
def stubs(tmp_path: Path) -> Iterator[Stubs]:
    """Starts stubs for one test."""
    with closing(Stubs(tmp_path)) as stubs:
        yield stubs


@pytest.fixture
def engine_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the stub the ``lmdeploy`` of this machine."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "lmdeploy").symlink_to(PACKAGE / "lmdeploy")
    path = [str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]
    monkeypatch.setenv("PATH", os.pathsep.join(path))
    monkeypatch.setenv("PYTHONPATH", str(PACKAGE))
    monkeypatch.setenv("STUB_TOKEN_SECONDS", str(TOKEN_SECONDS))
