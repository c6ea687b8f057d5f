"""The options of `internvl chat`: what goes together, in any order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import argparse

    from tests.conftest import Internvl

URL = "http://127.0.0.1:9/v1"


@pytest.mark.parametrize(
    "arguments",
    [
        ("captions", "What is it?", "--image", "a.jpg", "-n", "vision"),
        ("captions", "--image", "a.jpg", "What is it?", "-n", "vision"),
        ("-n", "vision", "captions", "--image", "a.jpg", "What is it?"),
    ],
)
def test_the_question_may_stand_behind_an_option(
    arguments: tuple[str, ...], internvl: Internvl, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[argparse.Namespace] = []

    def asked(options: argparse.Namespace) -> int:
        seen.append(options)
        return 0

    # Here, as openai takes a second in each process that collects this module.
    from internvl_operator.cli.chat import chat_command

    monkeypatch.setattr(chat_command, "_run", asked)
    assert internvl("chat", *arguments)[0] == 0
    (options,) = seen
    assert (options.target, options.question, options.image) == ("captions", "What is it?", ["a.jpg"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("question", "--batch", "b.txt"), "leave the question and --image out"),
        (("--batch", "b.txt", "--image", "x.png"), "leave the question and --image out"),
        (("question", "--temperature", "nan"), "nan is not between 0 and 2"),
        (("question", "--temperature", "2.5"), "2.5 is not between 0 and 2"),
        (("question", "--top-p", "0"), "0 is not above 0 and at most 1"),
        (("question", "--top-p", "inf"), "inf is not above 0 and at most 1"),
    ],
)
def test_what_would_be_ignored_or_refused_is_wrong_usage(
    arguments: tuple[str, ...], says: str, internvl: Internvl
) -> None:
    code, _, errors = internvl("chat", URL, *arguments)
    assert code == 2
    assert says in errors
