"""Into how many tiles InternVL2 cuts an image: the rule of the models' own preprocessing (``dynamic_preprocess``)."""

from internvl_operator.catalog.models import MAX_TILES_PER_IMAGE

_TILE_PIXELS = 448
_MOST_GRID_TILES = MAX_TILES_PER_IMAGE - 1

_GRIDS = sorted(
    (
        (columns, rows)
        for columns in range(1, _MOST_GRID_TILES + 1)
        for rows in range(1, _MOST_GRID_TILES // columns + 1)
    ),
    key=lambda grid: grid[0] * grid[1],
)


def tiles_of(width: int, height: int) -> int:
    """Return the tiles of an image of so many pixels, the thumbnail included.

    The grid is that whose form is nearest to the image's. Of equally near ones it is the one with more tiles, as long
    as the image has more than half of its pixels.

    Example:
        >>> tiles_of(1344, 896), tiles_of(448, 448), tiles_of(1792, 1344)
        (7, 1, 13)
    """
    form, area = width / height, width * height
    best, least = (1, 1), float("inf")
    for columns, rows in _GRIDS:
        difference = abs(form - columns / rows)
        is_tie = difference == least and area > 0.5 * _TILE_PIXELS**2 * columns * rows
        if difference < least or is_tie:
            best, least = (columns, rows), difference
    tiles = best[0] * best[1]
    return tiles if tiles == 1 else tiles + 1
