"""Tiles and tokens of images, without a process."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from images.stub.lmdeploy_stub.prompt.image_size import UnreadableImageError, image_size
from images.stub.lmdeploy_stub.prompt.prompt import Prompt
from images.stub.lmdeploy_stub.prompt.tiles import max_tiles_for, tile_count
from tests.stub.lmdeploy_sources import tiling
from tests.stub.pictures import jpeg, png


@pytest.mark.parametrize(
    ("width", "height", "tiles"),
    [
        (448, 448, 1),
        (896, 448, 2 + 1),
        (448, 896, 2 + 1),
        (100, 100, 1),
        (1344, 1344, 9 + 1),
        (1792, 1344, 12 + 1),
        (10, 10_000, 12 + 1),
    ],
)
def test_an_image_has_the_tiles_of_the_closest_grid_and_a_thumbnail(
    width: int, height: int, tiles: int
) -> None:
    assert tile_count(width, height) == tiles


def test_a_small_image_takes_the_smaller_of_two_equally_close_grids() -> None:
    assert tile_count(400, 200) == 2 + 1
    assert tile_count(4000, 2000) == 8 + 1


def test_without_a_thumbnail_the_grid_is_all() -> None:
    assert tile_count(1344, 1344, thumbnail=False) == 9


def test_tiles_are_those_of_the_releases_own_code(sources: tuple[str, Path]) -> None:
    theirs = tiling(sources[1])
    side = st.integers(1, 6000)

    @settings(max_examples=300, deadline=None)
    @given(side, side, st.integers(1, 24), st.booleans())
    def agrees(width: int, height: int, max_tiles: int, thumbnail: bool) -> None:
        expected = theirs(width, height, 1, max_tiles, thumbnail)
        assert tile_count(width, height, 1, max_tiles, thumbnail) == expected

    agrees()


@pytest.mark.parametrize(
    ("parameters", "limit"),
    [
        ({}, 12),
        ({"detail": "low"}, 6),
        ({"detail": "high"}, 24),
        ({"detail": "auto"}, 12),
        ({"max_dynamic_patch": 3, "detail": "high"}, 3),
        ({"max_dynamic_patch": "3"}, 12),
        ({"max_dynamic_patch": 0}, 1),
    ],
)
def test_a_client_may_set_the_limit_of_an_image(parameters: dict[str, object], limit: int) -> None:
    assert max_tiles_for(parameters, 12) == limit


def test_a_tile_costs_256_tokens_and_a_word_one() -> None:
    assert Prompt(words=("two", "words"), tiles=(13, 1)).tokens == 2 + 14 * 256


@pytest.mark.parametrize("content", [png(640, 480), jpeg(640, 480), jpeg(640, 480, marker=0xC0)])
def test_the_size_is_read_from_the_header(content: bytes) -> None:
    assert image_size(content) == (640, 480)


@pytest.mark.parametrize("content", [b"", b"GIF89a", png(640, 480)[:20], jpeg(640, 480)[:12], png(0, 480)])
def test_other_content_is_no_image(content: bytes) -> None:
    with pytest.raises(UnreadableImageError):
        image_size(content)
