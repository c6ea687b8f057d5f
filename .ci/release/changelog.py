"""The changelog's section of one release, in the form of Keep a Changelog."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from release.errors import ReleaseError

_HEADING = re.compile(r"^## \[([^\]]+)\](?: - (\d{4}-\d{2}-\d{2}))?$", re.MULTILINE)
_RELATIVE_LINK = re.compile(r"\]\((?![a-z]+:|#)([^)]+)\)")
UNRELEASED = "Unreleased"


@dataclass(frozen=True, slots=True)
class Section:
    """What changed in one release.

    Attributes:
        date: of the release, as YYYY-MM-DD; empty for what is not released.
        body: Markdown between this heading and the next, without blank lines around it.
    """

    date: str
    body: str

    @property
    def epoch(self) -> int:
        """The release's date, 0:00 UTC, in seconds since 1970."""
        return int(datetime.fromisoformat(self.date).replace(tzinfo=UTC).timestamp())


def sections(changelog: str) -> dict[str, Section]:
    """Return the sections of a changelog by version, the newest first."""
    headings = list(_HEADING.finditer(changelog))
    ends = [*(heading.start() for heading in headings[1:]), len(changelog)]
    return {
        heading[1]: Section(heading[2] or "", changelog[heading.end() : end].strip())
        for heading, end in zip(headings, ends, strict=True)
    }


def section_of(changelog: str, version: str) -> Section:
    """Return the section of a version.

    Raises:
        ReleaseError: there is none, or it has no date or no text.
    """
    section = sections(changelog).get(version)
    if section is None or not section.date or not section.body:
        raise ReleaseError(
            f"CHANGELOG.md needs a section `## [{version}] - YYYY-MM-DD` that says what changed"
        )
    return section


def release_notes(section: Section, files: str) -> str:
    """Return a section as the text of a release, whose relative links begin with the address of its files."""
    return _RELATIVE_LINK.sub(lambda link: f"]({files}/{link[1]})", section.body) + "\n"


def require_released(changelog: str, version: str, tag: str) -> None:
    """Require that a tag is that of a version of which the changelog tells everything.

    Raises:
        ReleaseError: the tag is another version's, or the changelog has changes that no release has.
    """
    if tag != f"v{version}":
        raise ReleaseError(
            f"the tag {tag} is not v{version}, the version of operator/internvl_operator/__init__.py"
        )
    left = sections(changelog).get(UNRELEASED)
    if left is not None and left.body:
        raise ReleaseError(
            f"CHANGELOG.md has changes under Unreleased: move them to the section of {version}"
        )
