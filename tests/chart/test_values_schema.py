"""values.schema.json: what the catalogue and values.yaml know stands in it, and Helm refuses the rest."""

from __future__ import annotations

import json
import re

import pytest

from internvl_operator.catalog.engines import SUPPORTED_VERSIONS
from tests.chart.helm.tools import ToolError, rendered
from tests.chart.values_schema import SCHEMA, VALUES, comments, filled, text

DIGEST = f"sha256:{'a' * 64}"


def test_the_schema_is_fresh() -> None:
    schema = json.loads(SCHEMA.read_text())
    assert SCHEMA.read_text() == text(filled(schema, VALUES.read_text())), "make reference"


def test_the_comment_above_a_key_is_its_description() -> None:
    values = """\
# Of everything.
outer:
  # -- Of the inner one,
  # in two lines.
  inner: 1

  bare: 2
# Not above a key.

last: {}
"""
    assert dict(comments(values)) == {
        ("outer",): "Of everything.",
        ("outer", "inner"): "Of the inner one, in two lines.",
    }


@pytest.mark.parametrize(
    ("setting", "refusal"),
    [
        ("platformDefaults.engine.version=0.19.0", "at '/platformDefaults/engine/version'"),
        ("gpu.default=FOO", "at '/gpu/default'"),
        # Helm names the place of a wrong key at random.
        ("gpu.inventory.L4=8", "invalid propertyName 'L4'"),
        (
            r"platformDefaults.engine.images.0\.19\.0=example.com/lmdeploy:1",
            "invalid propertyName '0.19.0'",
        ),
        (
            rf"platformDefaults.engine.digests.0\.18\.0-cu14\.0={DIGEST}",
            "invalid propertyName '0.18.0-cu14.0'",
        ),
    ],
)
def test_what_the_operator_would_not_start_with_is_refused_by_helm(setting: str, refusal: str) -> None:
    with pytest.raises(ToolError, match=re.escape(refusal)):
        rendered(settings=[setting])


@pytest.mark.parametrize(
    "setting",
    [
        *(f"platformDefaults.engine.version={version}" for version in SUPPORTED_VERSIONS),
        "gpu.default=NVIDIA-L4",
        "gpu.inventory.NVIDIA-L4=8",
        "gpu.inventory.NVIDIA-OF-TOMORROW=8",
        rf"platformDefaults.engine.digests.0\.18\.0={DIGEST}",
        rf"platformDefaults.engine.digests.0\.18\.0-cu13\.0={DIGEST}",
    ],
)
def test_what_the_operator_knows_is_accepted(setting: str) -> None:
    assert rendered(settings=[setting])


def test_a_resource_without_a_limit_of_its_own_counts_as_the_installations() -> None:
    settings = ["admissionPolicy.enabled=true", "admissionPolicy.maxGPUsPerReplica=2"]
    assert "orValue(8) <= 2" in str(rendered(settings=settings))
    assert "orValue(2) <= 2" in str(rendered(settings=[*settings, "platformDefaults.gpu.maxCount=2"]))
