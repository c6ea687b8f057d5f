"""What the verbs ``plan``, ``render``, ``table`` and ``memory`` share: options for the model and the engine."""

import argparse
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from internvl_operator.catalog.engine_options import COMMAND_LINE_OPTIONS, OPTION_NAMES
from internvl_operator.catalog.engines import DEFAULT_VERSION, SUPPORTED_VERSIONS
from internvl_operator.catalog.models import INTERNVL2, SERIES, Model, find_model, model_called, sizes_of
from internvl_operator.cli.inputs.gpu_options import with_gpu_options
from internvl_operator.cli.inputs.number_types import listed, positive
from internvl_operator.planner.request import BACKENDS, PlanRequest, backend

DEFAULT_RATIOS = (0.8, 0.2, 0.1, 0.05)
"""The shares of the KV cache that the project's own measurements have."""


def add_platform_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the installation's defaults."""
    parser.add_argument(
        "--platform-defaults",
        metavar="FILE",
        help="the installation's defaults for resources of a file, as INTERNVL_PLATFORM_DEFAULTS names them",
    )


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the engine; one that is not given is None."""
    parser.add_argument("--backend", choices=BACKENDS, help="(Auto)")
    for name, option in COMMAND_LINE_OPTIONS.items():
        accepted: dict[str, Any] = (
            {"type": int, "choices": option["choices"]}
            if option["choices"]
            else {"type": positive, "metavar": "N"}
        )
        parser.add_argument(f"--{name.replace('_', '-')}", help=option["help"], **accepted)
    parser.add_argument(
        "--engine",
        metavar="VERSION",
        choices=SUPPORTED_VERSIONS,
        help=f"LMDeploy release ({DEFAULT_VERSION})",
    )


def with_options(request: PlanRequest, options: argparse.Namespace) -> PlanRequest:
    """Return a request with what the options say of GPUs and engine in place of its own."""
    request = request.with_options(**given(options, OPTION_NAMES))
    request = replace(request, gpu=with_gpu_options(request.gpu, options), **given(options, ("engine",)))
    return request if options.backend is None else replace(request, backend=backend(options.backend))


def given(options: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    """Return those of some options that the verb has and its user gave."""
    values = {name: getattr(options, name, None) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def add_series_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that says of which series the sizes are."""
    parser.add_argument(
        "--series",
        choices=SERIES,
        help=f"series of the model, which may also stand before its size ({INTERNVL2})",
    )


def add_sizes_option(parser: argparse.ArgumentParser) -> None:
    """Add the options that name several models."""
    add_series_option(parser)
    parser.add_argument(
        "--sizes",
        metavar="SIZES",
        type=listed(str),
        help="1B,8B,... or InternVL3.5-8B,... (all of the series)",
    )


def named_model(text: str, series: str | None) -> Model:
    """Return the model that a text names, in a series where one is given.

    Args:
        text: such as ``8B``, ``InternVL3.5-8B``, ``InternVL3_5-8B`` or ``OpenGVLab/InternVL3_5-8B``.
        series: None for InternVL2, unless the text says it.

    Raises:
        UnknownModelError: there is no such model.
        ValueError: the text names another series than the given one.
    """
    if published := model_called(text):
        text = published.name
    of_text = next((each for each in SERIES if text.startswith(f"{each}-")), None)
    if of_text is None:
        return find_model(series or INTERNVL2, text)
    if series not in (None, of_text):
        raise ValueError(f"{text} is not of the series {series}: leave one of them out")
    return find_model(of_text, text.removeprefix(f"{of_text}-"))


def named_models(options: argparse.Namespace) -> list[Model]:
    """Return the models that the options ``--sizes`` and ``--series`` name.

    Raises:
        ValueError: as ``named_model`` does.
    """
    sizes = sizes_of(options.series or INTERNVL2) if options.sizes is None else options.sizes
    return [named_model(size, options.series) for size in sizes]
