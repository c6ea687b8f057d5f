"""Every verb ends in one of a few ways, and says in one line why it failed."""

from __future__ import annotations

from typing import NoReturn

import pytest

from internvl_operator.cli.exit_codes import INTERRUPTED, NOT_READY, USAGE_ERROR, exit_code_of


class AwayError(Exception):
    pass


def _raise(error: BaseException) -> NoReturn:
    raise error


def test_the_work_decides_the_exit_code_where_nothing_fails() -> None:
    assert exit_code_of("plan", lambda: 3) == 3


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ValueError("no such size"), USAGE_ERROR),
        (FileNotFoundError("no such file"), USAGE_ERROR),
        (AwayError("no answer"), NOT_READY),
    ],
)
def test_an_expected_error_is_one_line(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code_of("plan", lambda: _raise(error), (AwayError,)) == code
    assert capsys.readouterr() == ("", f"internvl plan: {error}\n")


def test_ctrl_c_ends_a_verb_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code_of("chat", lambda: _raise(KeyboardInterrupt())) == INTERRUPTED
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("error", [BrokenPipeError(), AwayError(), TypeError()], ids=repr)
def test_what_is_not_the_users_error_is_not_hidden(error: Exception) -> None:
    with pytest.raises(type(error)):
        exit_code_of("table", lambda: _raise(error))
