"""How the InternVL models cut an image into tiles, which decides how many tokens the image has.

The rule is that of the models' authors (``dynamic_preprocess`` in each repository's README): of the grids of at most
12 tiles the one whose aspect ratio is closest to the image's, of several equally close ones the largest that the image
fills by half, and a thumbnail beside more than one tile.
"""

TILE_PIXELS = 448
"""Width and height of a tile (``force_image_size``)."""

_MOST_TILES = 12
"""Tiles of one image without its thumbnail (``max_dynamic_patch``)."""

_GRIDS = [
    (columns, rows) for columns in range(1, _MOST_TILES + 1) for rows in range(1, _MOST_TILES // columns + 1)
]


def tile_count(width: int, height: int) -> int:
    """Return the number of tiles of an image, with its thumbnail.

    Args:
        width: in pixels.
        height: in pixels.

    Example:
        >>> tile_count(1344, 896)
        7
    """
    distances = [(columns * rows, abs(width / height - columns / rows)) for columns, rows in _GRIDS]
    closest = min(distance for _, distance in distances)
    grids = sorted(tiles for tiles, distance in distances if distance == closest)
    filled = [tiles for tiles in grids if width * height > tiles * TILE_PIXELS**2 / 2]
    tiles = filled[-1] if filled else grids[0]
    return tiles + 1 if tiles > 1 else 1


def image_size(tiles: int) -> tuple[int, int]:
    """Return width and height in pixels of an image that has so many tiles, landscape where there is a choice.

    Raises:
        ValueError: no image has.

    Example:
        >>> image_size(7)
        (1344, 896)
    """
    sizes = [(columns * TILE_PIXELS, rows * TILE_PIXELS) for columns, rows in _GRIDS if columns >= rows]
    # Squarest first: photographs are.
    sizes.sort(key=lambda size: size[0] / size[1])
    for width, height in sizes:
        if tile_count(width, height) == tiles:
            return width, height
    possible = sorted({tile_count(*size) for size in sizes})
    raise ValueError(f"no image has {tiles} tiles; it has {', '.join(map(str, possible))}")
