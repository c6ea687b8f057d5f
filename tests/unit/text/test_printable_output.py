"""What models, resources and API servers say is shown by every verb, and obeyed by no terminal."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from internvl_operator.__main__ import VERBS, main
from internvl_operator.cli.printable_output import PrintableOutput, printable_output, terminal_of
from internvl_operator.cli.status.screen import Screen
from internvl_operator.text.printable import printable
from tests.hostile import HOSTILE_TEXTS

if TYPE_CHECKING:
    from collections.abc import Sequence

SAID = "".join(HOSTILE_TEXTS)


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_that_a_verb_prints_is_obeyed(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def verb_main(_: Sequence[str]) -> int:
        print(SAID)
        sys.stdout.writelines([SAID])
        print(SAID, file=sys.stderr)
        return 0

    monkeypatch.setattr("importlib.import_module", lambda _: SimpleNamespace(main=verb_main))
    before = sys.stdout, sys.stderr

    assert main([verb]) == 0

    output, error = capsys.readouterr()
    assert (output, error) == (f"{printable(SAID)}\n{printable(SAID)}", f"{printable(SAID)}\n")
    assert not {"\x1b", "\x9b", "\r", "\x07", "\u202e"} & set(output + error)
    assert (sys.stdout, sys.stderr) == before


def test_a_screen_draws_on_the_terminal_and_shows_the_rest() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    with printable_output(terminal, terminal), Screen(sys.stdout) as screen:
        assert sys.stdout.isatty()
        screen.show("\x1b[31mred")

    assert terminal.getvalue().startswith("\x1b[?1049h")
    assert "\\u001b[31mred" in terminal.getvalue()
    assert "\x1b[31mred" not in terminal.getvalue()


def test_an_output_that_is_its_own_terminal() -> None:
    plain = io.StringIO()
    assert terminal_of(plain) is plain
    assert PrintableOutput(plain).write("\x1b") == 1
