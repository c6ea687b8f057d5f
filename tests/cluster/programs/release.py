"""A release of another project: which programs it has, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Release:
    """Programs of one project that share a version, a Go module and a place of publication.

    Attributes:
        version: With the leading ``v``, as git tags have it.
        module: Go module that holds the commands.
        packages: Program name -> Go package of its command.
        linker_flags: For ``go build -ldflags``: what the project's own build stamps into the version.
        github: ``owner/name`` whose GitHub releases hold the programs; empty: they are at ``url``.
        asset: File of the GitHub release, with ``{version}``, ``{number}``, ``{os}`` and ``{arch}`` to fill in.
        url: Of a program, with the same and ``{name}`` to fill in; ``.sha256`` behind it gives its checksum. Empty,
            and no ``github`` either: programs of this release are not published.
        module_version: Version of the Go module, where it is not that of the tags.
        build_tags: For ``go build -tags``.
        c_libraries: C libraries that the commands need, by their pkg-config names; none: no C compiler either.
        newer_modules: Modules, as ``path version``, that the build takes at a newer version than the release asks for.
        main: Source of a command of this project's own, whose package is ``.``; empty: the commands are the release's.
        mended: File of the module -> text of it that is wrong -> what is built in its place.
        left_out: Files of the module that are not built, as patterns, but for those that `mended` names.
    """

    version: str
    module: str
    packages: Mapping[str, str]
    linker_flags: str = "-s -w"
    github: str = ""
    asset: str = ""
    url: str = "https://dl.k8s.io/release/{version}/bin/{os}/{arch}/{name}"
    module_version: str = ""
    build_tags: str = ""
    c_libraries: tuple[str, ...] = ()
    newer_modules: tuple[str, ...] = ()
    main: str = ""
    mended: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    @property
    def number(self) -> str:
        """The version without its ``v``."""
        return self.version.removeprefix("v")
