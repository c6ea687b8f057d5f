"""InternVL2's dynamic tiling: into how many 448-pixel tiles an image is cut.

The rule is that of the model's authors, which LMDeploy follows (vl/model/internvl.py, ``dynamic_preprocess``):
the grid of tiles whose aspect ratio is closest to the image's, of several equally close ones the largest that
the image fills by half, and a thumbnail where there is more than one tile.
"""

from collections.abc import Mapping
from types import MappingProxyType

TILE_PIXELS = 448
"""Width and height of a tile (``force_image_size`` of the seven models)."""

_TILES_BY_DETAIL: Mapping[str, int] = MappingProxyType({"low": 6, "medium": 12, "high": 24})
"""What a client's ``detail`` stands for (vl/model/internvl.py, ``_preprocess_v1_5``)."""


def tile_count(
    width: int, height: int, min_tiles: int = 1, max_tiles: int = 12, thumbnail: bool = True
) -> int:
    """Return the number of tiles of an image, with its thumbnail.

    Args:
        width: the image's width in pixels.
        height: its height in pixels.
        min_tiles: the least number of tiles (``min_dynamic_patch``).
        max_tiles: the largest number of tiles without the thumbnail (``max_dynamic_patch``).
        thumbnail: whether an image of several tiles has a thumbnail (``use_thumbnail``).
    """
    grids = [
        (columns * rows, abs(width / height - columns / rows))
        for columns in range(1, max_tiles + 1)
        for rows in range(1, max_tiles // columns + 1)
        if columns * rows >= min_tiles
    ]
    closest = min(distance for _, distance in grids)
    sizes = sorted(tiles for tiles, distance in grids if distance == closest)
    filled = [tiles for tiles in sizes if width * height > tiles * TILE_PIXELS**2 / 2]
    tiles = filled[-1] if filled else sizes[0]
    return tiles + 1 if thumbnail and tiles > 1 else tiles


def max_tiles_for(parameters: Mapping[str, object], default: int) -> int:
    """Return the largest number of tiles that a client allows for an image, beside its ``url``.

    Args:
        parameters: ``max_dynamic_patch`` or else ``detail``, if any.
        default: the model's own limit.
    """
    limit = parameters.get("max_dynamic_patch")
    if not isinstance(limit, int):
        limit = _TILES_BY_DETAIL.get(str(parameters.get("detail")), default)
    return max(1, limit)
