"""Shows progress: a table drawn over itself on a terminal, lines for what is news elsewhere."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Protocol, TextIO

from tests.demo.progress import NEW, table

if TYPE_CHECKING:
    from collections.abc import Collection

    from tests.demo.progress import Progress


class Display(Protocol):
    """Where progress is shown."""

    def update(self, resources: Collection[Progress]) -> None:
        """Show the present state."""

    def finish(self, resources: Collection[Progress]) -> None:
        """Show the last state, which stays."""


def display_on(stream: TextIO) -> Display:
    """The display that suits a stream."""
    return LiveTable(stream) if stream.isatty() else Lines(stream)


class LiveTable:
    """A table that is drawn over itself."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._height = 0

    def update(self, resources: Collection[Progress]) -> None:
        """Draw the table over the previous one."""
        # A line that wraps, or a table higher than the window, would put the cursor in the wrong place.
        columns, rows = shutil.get_terminal_size()
        self._draw([line[: columns - 1] for line in table(resources)[: rows - 1]])

    def finish(self, resources: Collection[Progress]) -> None:
        """Draw the whole table, however large it is."""
        self._draw(table(resources))
        self._height = 0

    def _draw(self, lines: list[str]) -> None:
        back = f"\x1b[{self._height}F\x1b[J" if self._height else ""
        self._stream.write(back + "\n".join(lines) + "\n")
        self._stream.flush()
        self._height = len(lines)


class Lines:
    """A line for each new state of a resource, and the table at the end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._said: dict[str, str] = {}

    def update(self, resources: Collection[Progress]) -> None:
        """Print what is new."""
        for resource in resources:
            seconds = resource.seconds
            news = resource.state if seconds is None else f"Ready after {seconds:.1f} s"
            if self._said.get(resource.name, NEW) != news:
                self._said[resource.name] = news
                print(f"  {resource.name}: {news}", file=self._stream, flush=True)

    def finish(self, resources: Collection[Progress]) -> None:
        """Print the table."""
        print("\n".join(["", *table(resources)]), file=self._stream, flush=True)
