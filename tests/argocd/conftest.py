"""Argo CD, for the tests of this directory."""

from __future__ import annotations

import pytest

from tests.argocd.command import ArgoCD
from tests.cluster.programs.binaries import locate


@pytest.fixture(scope="session")
def argocd() -> ArgoCD:
    """Argo CD's command line."""
    return ArgoCD(locate(["argocd"])["argocd"])
