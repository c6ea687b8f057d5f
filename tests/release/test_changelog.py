"""The changelog's sections, and what a tag needs."""

from __future__ import annotations

import pytest

from release.changelog import Section, release_notes, require_released, section_of
from release.errors import ReleaseError

CHANGELOG = """\
# Changelog

## [Unreleased]

## [0.2.0] - 2026-12-24

### Added

- A thing ([why](docs/why.md), [who](https://example.com/), [where](#here)).

## [0.1.0] - 2026-11-28

- Everything.
"""


def test_a_section_ends_at_the_next_heading() -> None:
    assert section_of(CHANGELOG, "0.1.0") == Section("2026-11-28", "- Everything.")
    assert section_of(CHANGELOG, "0.2.0").body.startswith("### Added\n\n- A thing")


def test_the_date_is_midnight_utc() -> None:
    assert section_of(CHANGELOG, "0.1.0").epoch == 1795824000


def test_links_to_files_lead_to_the_files_of_the_release() -> None:
    notes = release_notes(section_of(CHANGELOG, "0.2.0"), "https://example.com/v0.2.0")
    assert "[why](https://example.com/v0.2.0/docs/why.md)" in notes
    assert "[who](https://example.com/)" in notes
    assert "[where](#here)" in notes


@pytest.mark.parametrize(
    "changelog", [CHANGELOG.replace("[0.2.0]", "[0.2.1]"), CHANGELOG.replace(" - 2026-12-24", "")]
)
def test_a_version_without_a_dated_section_is_refused(changelog: str) -> None:
    with pytest.raises(ReleaseError, match=r"needs a section `## \[0\.2\.0\] - YYYY-MM-DD`"):
        section_of(changelog, "0.2.0")


def test_a_tag_is_that_of_the_version() -> None:
    require_released(CHANGELOG, "0.2.0", "v0.2.0")
    with pytest.raises(ReleaseError, match=r"the tag v0\.3\.0 is not v0\.2\.0"):
        require_released(CHANGELOG, "0.2.0", "v0.3.0")


def test_a_change_that_no_release_has_stops_a_release() -> None:
    forgotten = CHANGELOG.replace("## [Unreleased]\n", "## [Unreleased]\n\n- Forgotten.\n")
    with pytest.raises(ReleaseError, match="under Unreleased"):
        require_released(forgotten, "0.2.0", "v0.2.0")
