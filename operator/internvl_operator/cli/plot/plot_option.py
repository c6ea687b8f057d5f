"""The option ``--plot``. Matplotlib is an optional extra, which is loaded when a picture is asked for."""

import argparse
import importlib
from pathlib import Path
from types import ModuleType

SUFFIXES = (".png", ".svg", ".pdf")


class PlotError(ValueError):
    """The picture cannot be drawn; the message says what to do."""


def add_plot_option(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the option that names the file of a picture.

    Args:
        parser: of the verb.
        what: is drawn.
    """
    parser.add_argument(
        "--plot", metavar="FILE", type=_picture_file, help=f"draw {what}: {', '.join(SUFFIXES)}"
    )


def drawing(module: str) -> ModuleType:
    """Return a module that draws.

    Args:
        module: its name below ``internvl_operator.cli``.

    Raises:
        PlotError: matplotlib is not installed.
    """
    try:
        return importlib.import_module(f"internvl_operator.cli.{module}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "matplotlib":
            raise
        raise PlotError(
            "a plot needs matplotlib: pip install '.[plot]' in a checkout of the operator"
        ) from None


def _picture_file(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in SUFFIXES:
        raise argparse.ArgumentTypeError(f"{text!r} does not end with {', '.join(SUFFIXES)}")
    # Before a measurement, and not after it.
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no directory {path.parent}")
    return path
