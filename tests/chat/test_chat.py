"""`internvl chat`: one question, several turns, a batch."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest

from tests.stub.server import Stubs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Internvl


def test_a_question_is_answered(url: str, internvl: Internvl) -> None:
    code, output, errors = internvl("chat", url, "how are you")
    assert (code, errors) == (0, "")
    assert output.endswith("It ends: how are you\n")


def test_images_of_files_reach_the_model(url: str, picture: str, internvl: Internvl) -> None:
    one = internvl("chat", url, "what is it", "-i", picture)[1]
    assert "1 image of 1 tiles. It ends: <IMAGE_TOKEN> what is it" in one
    two = internvl("chat", url, "compare", "-i", picture, "--image", picture)[1]
    assert "2 images of 1 + 1 tiles. It ends: Image-1: <IMAGE_TOKEN> Image-2: <IMAGE_TOKEN> compare" in two


def test_an_answer_as_json_has_its_figures(url: str, picture: str, internvl: Internvl) -> None:
    answer = json.loads(internvl("chat", url, "what", "-i", picture, "--max-tokens", "5", "-o", "json")[1])
    assert answer["promptTokens"] == 256 + 2
    assert (answer["completionTokens"], answer["finishReason"]) == (5, "length")
    assert 0 < answer["firstTokenSeconds"] <= answer["seconds"]


def test_a_question_can_come_from_the_standard_input(
    url: str, internvl: Internvl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("from a\nfile"))
    assert "It ends: from a file" in internvl("chat", url, "-")[1]


def test_the_system_message_is_sent(url: str, internvl: Internvl) -> None:
    assert "It ends: be brief hello" in internvl("chat", url, "hello", "--system", "be brief")[1]


def test_turns_know_those_before_them(
    url: str, picture: str, internvl: Internvl, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["what is it", "", "and now", "/image /nowhere", "/help", "/new", f"/image {picture}", "anew"]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines)))
    code, output, errors = internvl("chat", url, "-i", picture)
    assert code == 0
    first, second, third = output.splitlines()
    assert "has 4 words and 1 image" in first
    assert "1 image of 1 tiles" in second
    assert second.endswith("It ends: <IMAGE_TOKEN> what is it and now")
    assert "has 2 words and 1 image of 1 tiles. It ends: <IMAGE_TOKEN> anew" in third
    assert "/nowhere: No such file or directory" in errors
    assert "tokens in" in errors


def test_quit_ends_the_turns(url: str, internvl: Internvl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("/quit\nhello\n"))
    assert internvl("chat", url)[:2] == (0, "")


def test_a_script_of_turns_ends_with_the_first_that_fails(
    url: str, internvl: Internvl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("word " * 3000 + "\nhello\n"))
    code, output, errors = internvl("chat", url)
    assert (code, output) == (1, "")
    assert "must be smaller than the model context length (2048)" in errors


def test_a_batch_is_answered_in_its_order(url: str, picture: str, internvl: Internvl, tmp_path: Path) -> None:
    file = tmp_path / "batch"
    questions = ["plain text", json.dumps({"text": "what", "images": [picture]}), "", "the last"]
    file.write_text("\n".join(questions))
    code, output, errors = internvl("chat", url, "--batch", str(file))
    assert (code, errors) == (0, "")
    first, second, third = output.splitlines()
    assert first.startswith("1: ")
    assert "1 image of 1 tiles" in second
    assert third.startswith("3: ")
    assert third.endswith("the last")
    lines = internvl("chat", url, "--batch", str(file), "-o", "json")[1].splitlines()
    assert [json.loads(line)["question"] for line in lines] == [1, 2, 3]


def test_a_question_that_fails_leaves_the_rest_of_the_batch(
    url: str, internvl: Internvl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("word " * 3000 + "\nhello"))
    code, output, errors = internvl("chat", url, "--batch", "-", "--at-once", "1")
    assert code == 1
    assert "question 1: Input length (3000)" in errors
    assert output.endswith("It ends: hello\n")


@pytest.mark.parametrize("line", ['{"text": 1}', '{"images": []}', '{"text": "a", "image": "b"}', "{"])
def test_a_line_of_a_batch_that_makes_no_sense_is_named(
    line: str, url: str, internvl: Internvl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"fine\n{line}\n"))
    code, output, errors = internvl("chat", url, "--batch", "-")
    assert (code, output) == (2, "")
    assert errors.startswith("internvl chat: line 2 is not ")


def test_a_file_that_is_no_image_is_refused_before_it_is_sent(
    url: str, internvl: Internvl, tmp_path: Path
) -> None:
    file = tmp_path / "notes.png"
    file.write_text("not an image")
    code, _, errors = internvl("chat", url, "what", "-i", str(file))
    assert code == 2
    assert "notes.png is not a PNG, JPEG, WebP, GIF, BMP or TIFF image" in errors


def test_an_image_at_a_private_address_is_explained(url: str, internvl: Internvl) -> None:
    code, _, errors = internvl("chat", url, "what", "-i", "http://127.0.0.1:9/disc.png")
    assert code == 1
    assert "fetches no image from a private address: give the file instead" in errors


def test_a_model_that_is_too_slow_is_not_waited_for(internvl: Internvl, served: Stubs) -> None:
    slow = served.start(STUB_TOKEN_SECONDS="5")
    code, _, errors = internvl("chat", f"http://127.0.0.1:{slow.port}", "hello", "--timeout", "0.5")
    assert (code, errors) == (1, "internvl chat: no answer within 0.5 s\n")


def test_an_engine_that_dies_over_an_answer_is_told(internvl: Internvl, served: Stubs) -> None:
    dying = served.start(STUB_FAIL="crash")
    code, _, errors = internvl("chat", f"http://127.0.0.1:{dying.port}", "hello")
    assert code == 1
    assert "no connection" in errors


def test_older_engines_empty_answers_are_explained(internvl: Internvl, served: Stubs) -> None:
    old = served.start("--session-len", "1024", version="0.12.3")
    code, _, errors = internvl("chat", f"http://127.0.0.1:{old.port}", "word " * 2000)
    assert code == 1
    assert "the prompt fills the session" in errors
