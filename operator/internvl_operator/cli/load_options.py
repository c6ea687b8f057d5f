"""The options for the load that a plan must carry, for every verb that reports speed."""

import argparse
from collections.abc import Mapping
from dataclasses import replace

from internvl_operator.catalog.models import MAX_TILES_PER_IMAGE
from internvl_operator.catalog.tiling import tile_count
from internvl_operator.cli.inputs.number_types import positive, seconds
from internvl_operator.cli.options import given
from internvl_operator.planner.request import PlanRequest
from internvl_operator.planner.speed.load import DEFAULT_CONCURRENCY, DEFAULT_LOAD

_FIELDS: Mapping[str, str] = {
    "requests_per_second": "requests_per_second",
    "concurrency": "concurrency",
    "images": "images",
    "image_size": "tiles",
    "tiles": "tiles",
    "prompt_tokens": "prompt_tokens",
    "output_tokens": "output_tokens",
    "ttft": "ttft_seconds",
}
"""The fields of a load by the options that give them."""


def add_load_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a load; one that is not given is None."""
    load = parser.add_argument_group(
        "load",
        "What the endpoint is to carry. With a rate or a time to the first token the plan takes the fewest GPUs in all "
        "that carry it.",
    )
    arrivals = load.add_mutually_exclusive_group()
    arrivals.add_argument(
        "--requests-per-second", metavar="R", type=seconds, help="requests that arrive per second"
    )
    arrivals.add_argument(
        "--concurrency",
        metavar="C",
        type=positive,
        help=f"requests in flight at one replica ({DEFAULT_CONCURRENCY})",
    )
    load.add_argument(
        "--images", metavar="N", type=_count, help=f"images of one request ({DEFAULT_LOAD.images})"
    )
    image = load.add_mutually_exclusive_group()
    image.add_argument(
        "--image-size", metavar="WxH", type=_tiles_of_size, help="pixels of an image, such as 1344x896"
    )
    image.add_argument("--tiles", metavar="N", type=_tiles, help=f"tiles of an image ({DEFAULT_LOAD.tiles})")
    load.add_argument(
        "--prompt-tokens",
        metavar="N",
        type=positive,
        help=f"text tokens of each request, in addition to its images ({DEFAULT_LOAD.prompt_tokens})",
    )
    load.add_argument(
        "--output-tokens",
        metavar="N",
        type=positive,
        help=f"tokens of one answer ({DEFAULT_LOAD.output_tokens})",
    )
    load.add_argument(
        "--ttft", metavar="S", type=seconds, help="seconds in which the first token must come at that rate"
    )


def given_load_options(options: argparse.Namespace) -> str:
    """Return the options of a load that are given, as they are written; empty where none is."""
    return ", ".join(f"--{name.replace('_', '-')}" for name in given(options, _FIELDS))


def with_load_options(request: PlanRequest, options: argparse.Namespace) -> PlanRequest:
    """Return a request with what the options say of the load in place of its own."""
    changes = {_FIELDS[name]: value for name, value in given(options, _FIELDS).items()}
    if not changes:
        return request
    # A rate and a number in flight exclude each other, also where the file gives one and the options the other.
    if "concurrency" in changes:
        changes["requests_per_second"] = None
    return replace(request, load=replace(request.load or DEFAULT_LOAD, **changes))


def _count(text: str) -> int:
    return 0 if text == "0" else positive(text)


def _tiles(text: str) -> int:
    tiles = positive(text)
    if tiles > MAX_TILES_PER_IMAGE:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and {MAX_TILES_PER_IMAGE}")
    return tiles


def _tiles_of_size(text: str) -> int:
    width, _, height = text.partition("x")
    try:
        return tile_count(positive(width), positive(height))
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 1344x896") from None
