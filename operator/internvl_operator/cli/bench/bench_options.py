"""The options of ``internvl bench``, and the loads that they mean."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from internvl_operator import __version__
from internvl_operator.bench.offered_load import OfferedLoad
from internvl_operator.bench.planned_speed import PlannedSpeed
from internvl_operator.catalog.tiling import image_size
from internvl_operator.cli.chat.target import add_target_options
from internvl_operator.cli.inputs.number_types import listed, positive, seconds
from internvl_operator.cli.options import given
from internvl_operator.cli.plot.plot_option import add_plot_option
from internvl_operator.planner.speed.load import DEFAULT_CONCURRENCY, DEFAULT_LOAD

_IMAGE = f"ghcr.io/internvl-operator/internvl-operator:{__version__}"
_WIDTH, _HEIGHT = image_size(DEFAULT_LOAD.tiles)
_LARGEST = 16384
"""Pixels of a side of an image."""


def bench_parser() -> argparse.ArgumentParser:
    """Return the parser of the verb."""
    parser = argparse.ArgumentParser(
        prog="internvl bench",
        description="Measures how fast a served model answers streamed requests that it makes up: at a rate, or with "
        "a number of them in flight. The load is that of the resource's plan where nothing else is given.",
        epilog="Exit code: 0 measured, 1 a request failed or the model does not answer, 2 wrong usage or no such "
        "resource, 130 interrupted. Example: internvl bench captions --requests-per-second 1,2,5",
    )
    add_target_options(parser)
    _add_load_options(parser)
    _add_run_options(parser)
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    parser.add_argument("--report", metavar="FILE", type=Path, help="write the JSON into a file too")
    add_plot_option(parser, "the times of the answers over the rates or concurrencies")
    parser.add_argument(
        "--save", action="store_true", help="keep the figures in the resource's status.performance"
    )
    return parser


def check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End the program with a message when options do not go together."""
    is_url = "://" in options.target
    if is_url and (options.save or options.in_cluster):
        parser.error("--save and --in-cluster need the name of a resource")
    if options.in_cluster and any("://" not in image and image[:5] != "data:" for image in options.image):
        parser.error("--in-cluster takes URLs of images: the Job sees no file of this machine")
    if options.in_cluster and (options.api_key or options.ca_file):
        parser.error("--in-cluster takes the API key and the certificate from the Secrets of the resource")
    if options.save and _paces(options) > 1:
        parser.error("--save keeps one load: give one rate or one concurrency")
    if options.image and (options.image_size or options.tiles):
        parser.error("--image-size and --tiles are of images that are made, --image gives them")


def loads(options: argparse.Namespace, planned: PlannedSpeed | None) -> list[OfferedLoad]:
    """Return the loads to measure, one after the other: as the options say, else as planned."""
    base = planned.load if planned else OfferedLoad(concurrency=DEFAULT_CONCURRENCY)
    form = replace(base, **_form(options))
    if options.requests_per_second:
        return [form.at(requests_per_second=rate) for rate in options.requests_per_second]
    if options.concurrency:
        return [form.at(concurrency=number) for number in options.concurrency]
    return [form]


def _paces(options: argparse.Namespace) -> int:
    return len(options.requests_per_second or options.concurrency or ())


def _form(options: argparse.Namespace) -> dict[str, Any]:
    """Return what the options say of each request."""
    form = given(options, ("images", "prompt_tokens", "output_tokens"))
    if options.image:
        form = {"images": len(options.image), **form, "width": None, "height": None}
    elif size := options.image_size or options.tiles:
        form |= {"width": size[0], "height": size[1]}
    return form


def _add_load_options(parser: argparse.ArgumentParser) -> None:
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument(
        "--requests-per-second",
        metavar="R,...",
        type=listed(seconds),
        help="requests that arrive at random, whether or not earlier ones are answered; several rates follow each "
        "other",
    )
    pace.add_argument(
        "--concurrency",
        metavar="C,...",
        type=listed(positive),
        help=f"requests in flight, each followed by the next when it is answered ({DEFAULT_CONCURRENCY})",
    )
    parser.add_argument(
        "--images", metavar="N", type=_natural, help=f"images in each request ({DEFAULT_LOAD.images})"
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--image-size",
        metavar="WxH",
        type=_size,
        help=f"width and height of each image, in pixels ({_WIDTH}x{_HEIGHT})",
    )
    size.add_argument(
        "--tiles",
        metavar="N",
        type=_tiles,
        help="the same, as the number of tiles into which the model cuts an image",
    )
    parser.add_argument(
        "--image",
        metavar="FILE|URL",
        action="append",
        default=[],
        help="ask about this image instead of generated ones; may be repeated",
    )
    parser.add_argument(
        "--prompt-tokens",
        metavar="N",
        type=positive,
        help=f"text tokens of each request, in addition to its images ({DEFAULT_LOAD.prompt_tokens})",
    )
    parser.add_argument(
        "--output-tokens",
        metavar="N",
        type=positive,
        help=f"tokens of each answer ({DEFAULT_LOAD.output_tokens})",
    )


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seconds", metavar="S", type=seconds, default=30.0, help="length of the measured part (30)"
    )
    parser.add_argument(
        "--warm-up",
        metavar="S",
        type=_duration,
        default=10.0,
        help="length of the warm-up before it, which does not count (10)",
    )
    parser.add_argument(
        "--seed", metavar="N", type=int, default=0, help="seed of the random texts, images and arrivals (0)"
    )
    parser.add_argument(
        "--in-cluster",
        action="store_true",
        help="measure from a Job in the cluster: a port-forward is a bottleneck",
    )
    parser.add_argument("--job-image", metavar="IMAGE", default=_IMAGE, help=f"image of that Job ({_IMAGE})")


def _natural(text: str) -> int:
    return 0 if text == "0" else positive(text)


def _duration(text: str) -> float:
    return 0.0 if text == "0" else seconds(text)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a width and a height such as 1344x896")
    size = int(width), int(height)
    if not all(1 <= side <= _LARGEST for side in size):
        raise argparse.ArgumentTypeError(f"{text}: a side has 1 to {_LARGEST} pixels")
    return size


def _tiles(text: str) -> tuple[int, int]:
    try:
        return image_size(positive(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
