"""The standard output and error of every verb: a terminal obeys nothing of what is printed there."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, TextIO

from internvl_operator.text.printable import printable


class PrintableOutput:
    """An output in which escape sequences are shown, and are not obeyed.

    Args:
        terminal: the output itself.
    """

    def __init__(self, terminal: TextIO) -> None:
        self.terminal = terminal

    def write(self, text: str) -> int:
        """Write a text, and return its length."""
        self.terminal.write(printable(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.terminal, name)


@contextmanager
def printable_output(output: TextIO, error: TextIO) -> Iterator[None]:
    """Let nothing that is printed be obeyed by a terminal while the context lasts.

    Args:
        output: the standard output.
        error: the standard error.
    """
    streams: tuple[Any, Any] = PrintableOutput(output), PrintableOutput(error)
    with redirect_stdout(streams[0]), redirect_stderr(streams[1]):
        yield


def terminal_of(output: TextIO) -> TextIO:
    """Return the output itself, for what draws with escape sequences of its own and makes the rest printable."""
    return output.terminal if isinstance(output, PrintableOutput) else output
