"""What a benchmark sends: the tiles that were asked for, images that differ, and bodies that a seed makes again."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from images.stub.lmdeploy_stub.prompt import tiles as stub_tiles
from internvl_operator.bench.generated_images import generated_image, png
from internvl_operator.bench.offered_load import OfferedLoad
from internvl_operator.bench.request_bodies import DIFFERENT, request_bodies
from internvl_operator.catalog.tiling import image_size, tile_count

SMALL = OfferedLoad(images=2, width=40, height=30, prompt_tokens=7, output_tokens=5, concurrency=1)
side = st.integers(min_value=1, max_value=8000)


@given(width=side, height=side)
def test_an_image_has_as_many_tiles_as_the_engines_stub_counts(width: int, height: int) -> None:
    assert tile_count(width, height) == stub_tiles.tile_count(width, height)


@pytest.mark.parametrize("tiles", [1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13])
def test_an_image_of_so_many_tiles_has_so_many(tiles: int) -> None:
    assert tile_count(*image_size(tiles)) == tiles


@pytest.mark.parametrize("tiles", [0, 2, 14])
def test_a_number_of_tiles_that_no_image_has_is_refused_with_those_that_are(tiles: int) -> None:
    with pytest.raises(ValueError, match=rf"no image has {tiles} tiles; it has 1, 3, 4, .* 13"):
        image_size(tiles)


@pytest.mark.parametrize(("width", "height"), [(448, 448), (5, 3), (1, 1), (450, 7)])
def test_a_made_image_is_one_that_pillow_reads(width: int, height: int, tmp_path: Path) -> None:
    from PIL import Image

    file = tmp_path / "image.png"
    file.write_bytes(png(width, height, Random(1)))
    with Image.open(file) as image:
        image.load()
        assert (image.size, image.mode) == ((width, height), "RGB")


def test_a_made_image_weighs_what_a_photograph_does() -> None:
    assert 200_000 < len(png(1344, 896, Random(0))) < 400_000


def test_images_differ_and_the_same_random_numbers_make_the_same_one() -> None:
    random = Random(3)
    first, second = generated_image(8, 8, random), generated_image(8, 8, random)
    assert first == generated_image(8, 8, Random(3)) != second
    assert base64.b64decode(first.removeprefix("data:image/png;base64,")).startswith(b"\x89PNG")


def test_a_body_is_a_streamed_completion_of_the_form_that_was_asked_for() -> None:
    body = json.loads(request_bodies(SMALL, "a-name", 0)[0])
    text, *images = body["messages"][0]["content"]
    assert len(text["text"].split("\n")[-1].split()) == SMALL.prompt_tokens
    assert [part["type"] for part in images] == ["image_url"] * 2
    assert {
        name: body[name] for name in ("model", "max_tokens", "ignore_eos", "stream", "stream_options")
    } == {
        "model": "a-name",
        "max_tokens": 5,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_bodies_differ_and_a_seed_makes_them_again() -> None:
    bodies = request_bodies(SMALL, "m", 5)
    assert len(set(bodies)) == DIFFERENT
    assert request_bodies(SMALL, "m", 5) == bodies != request_bodies(SMALL, "m", 6)


def test_given_images_are_used_in_turn() -> None:
    load = OfferedLoad(images=2, width=None, height=None, concurrency=1)
    bodies = request_bodies(load, "m", 0, ["https://a/1", "https://a/2", "https://a/3"], number=2)
    used = [
        part["image_url"]["url"]
        for body in bodies
        for part in json.loads(body)["messages"][0]["content"]
        if part["type"] == "image_url"
    ]
    assert used == ["https://a/1", "https://a/2", "https://a/3", "https://a/1"]


@pytest.mark.parametrize(
    ("load", "text"),
    [
        (
            OfferedLoad(concurrency=1),
            "1 in flight: 1 image of 1344x896 (7 tiles), 64 prompt tokens, 128 output tokens",
        ),
        (
            OfferedLoad(requests_per_second=2.5, images=0),
            "2.5 requests/s: 64 prompt tokens, 128 output tokens",
        ),
        (
            OfferedLoad(concurrency=2, images=3, width=None, height=None),
            "2 in flight: 3 images, 64 prompt tokens, 128 output tokens",
        ),
    ],
)
def test_a_load_reads_as_a_sentence_and_its_document_reads_back(load: OfferedLoad, text: str) -> None:
    assert str(load) == text
    assert str(OfferedLoad.of(json.loads(json.dumps(load.document())))) == text
