"""The messages of a chat."""

from __future__ import annotations

from pathlib import Path

import pytest

from internvl_operator.chat.content import IMAGE_TOKEN, ImageError, data_url, image_url, user_message


def test_a_question_without_images_is_plain_text() -> None:
    assert user_message("hello") == {"role": "user", "content": "hello"}


def test_several_images_are_numbered_in_one_text() -> None:
    content = user_message("compare", ["a", "b"])["content"]
    assert content[0]["text"] == f"Image-1: {IMAGE_TOKEN}\nImage-2: {IMAGE_TOKEN}\ncompare"
    assert [part["image_url"]["url"] for part in content[1:]] == ["a", "b"]


def test_marks_of_the_question_stay_where_they_are() -> None:
    text = f"before {IMAGE_TOKEN} after"
    assert user_message(text, ["a"])["content"][0]["text"] == text


@pytest.mark.parametrize(
    "url", ["https://example.com/a.png", "http://example.com/a", "data:image/png;base64,"]
)
def test_urls_are_left_to_the_server(url: str) -> None:
    assert image_url(url) == url


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n...", "png"),
        (b"\xff\xd8\xff\xe0", "jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "webp"),
        (b"GIF89a", "gif"),
        (b"BM....", "bmp"),
        (b"II*\x00", "tiff"),
    ],
)
def test_the_kind_of_an_image_is_told_by_its_content(content: bytes, kind: str) -> None:
    assert data_url(content).startswith(f"data:image/{kind};base64,")


def test_a_sound_in_a_riff_file_is_no_image() -> None:
    with pytest.raises(ImageError):
        data_url(b"RIFF\x00\x00\x00\x00WAVEfmt ")


def test_a_directory_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="Is a directory"):
        image_url(str(tmp_path))
