"""The committed reference says what the CRD says."""

from __future__ import annotations

from pathlib import Path

from internvl_operator.api.crd import custom_resource_definition
from tests.docs.sections.api_reference import reference

PAGE = Path(__file__).parents[2] / "docs" / "api-reference.md"


def test_the_committed_reference_is_current() -> None:
    assert PAGE.read_text() == reference(custom_resource_definition()), "run: make reference"


def test_every_object_has_a_section_with_its_fields_limits_and_rules() -> None:
    page = reference(custom_resource_definition())
    assert "## spec.model.source.huggingFace.tokenSecretRef" in page
    assert "| `size` | string | required; `1B`, `2B`, `4B`, `8B`, `9B`, `14B`, " in page
    assert "| `cacheMaxEntryCount` | number | above 0, below 1 |" in page
    assert "| `tolerations` | list of Kubernetes object | at most 32 items |" in page
    assert "- engine.tp must be 1, 2, 4, 8 or 16" in page
