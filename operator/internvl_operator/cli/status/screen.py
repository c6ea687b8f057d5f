"""Shows a text in place of the one before, as ``watch`` does."""

import shutil
from types import TracebackType
from typing import Self, TextIO

from internvl_operator.cli.printable_output import terminal_of
from internvl_operator.text.printable import printable

_ENTER = "\x1b[?1049h\x1b[?25l"
_LEAVE = "\x1b[?25h\x1b[?1049l"
_HOME = "\x1b[H"
_CLEAR_LINE = "\x1b[K"
_CLEAR_REST = "\x1b[J"


class Screen:
    """The alternate screen of a terminal, as a context manager that restores the terminal.

    An output that is no terminal gets each text that differs from the one before.

    Args:
        output: usually the standard output.
    """

    def __init__(self, output: TextIO) -> None:
        self._output = terminal_of(output)
        self._is_terminal = output.isatty()
        self._shown = ""

    def __enter__(self) -> Self:
        if self._is_terminal:
            self._output.write(_ENTER)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_terminal:
            self._output.write(_LEAVE)
            # The last text stays in the terminal.
            self._output.write(f"{self._shown}\n")
            self._output.flush()

    def show(self, text: str) -> None:
        """Show a text in place of the one before, without what the terminal would obey."""
        text = printable(text)
        if self._is_terminal:
            size = shutil.get_terminal_size()
            lines = [line[: size.columns] for line in text.splitlines()[: size.lines - 1]]
            body = "\n".join(f"{line}{_CLEAR_LINE}" for line in lines)
            self._output.write(f"{_HOME}{body}{_CLEAR_REST}")
        elif text != self._shown:
            self._output.write(f"{text}\n\n")
        self._output.flush()
        self._shown = text
