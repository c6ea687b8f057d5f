"""What the verbs ``plan``, ``render`` and ``table`` share: resource files, options for GPUs and the engine."""

import argparse
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from internvl_operator.catalog.engine_options import COMMAND_LINE_OPTIONS, OPTION_NAMES
from internvl_operator.catalog.engines import DEFAULT_VERSION, SUPPORTED_VERSIONS
from internvl_operator.catalog.gpus import find_gpu
from internvl_operator.catalog.models import INTERNVL2, SERIES, Model, find_model, sizes_of
from internvl_operator.planner.nodes.inventory import Inventory, NoGpuKnownError, given_gpu
from internvl_operator.planner.request import BACKENDS, GpuRequest, PlanRequest, backend
from internvl_operator.text.quantity import memory_mib

if TYPE_CHECKING:
    from internvl_operator.api.v1alpha1 import InternVLDeployment

Number = TypeVar("Number", int, float)
T = TypeVar("T")

DEFAULT_RATIOS = (0.8, 0.2, 0.1, 0.05)
"""The shares of the KV cache that the project's own measurements have."""


def add_gpu_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which GPUs there are."""
    parser.add_argument(
        "--gpu",
        metavar="PRODUCT",
        type=_product,
        help="GPU product, as the node label nvidia.com/gpu.product or short: A100-80GB",
    )
    parser.add_argument(
        "--gpu-memory",
        metavar="QUANTITY",
        type=_memory,
        help="memory of one GPU, for example 80Gi or 81250Mi",
    )
    parser.add_argument("--max-gpus", metavar="N", type=positive, help="most GPUs for one replica (8)")


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


def gpus_of(request: GpuRequest) -> Inventory:
    """Return the GPUs that a request names.

    Raises:
        ValueError: it names none; the message names the options that do.
    """
    try:
        return given_gpu(request)
    except NoGpuKnownError:
        raise ValueError("no GPU is known to plan for: give --gpu or --gpu-memory") from None


def with_gpu_options(request: GpuRequest, options: argparse.Namespace) -> GpuRequest:
    """Return a request with what the options say in place of its own."""
    if options.gpu or options.gpu_memory:
        request = replace(request, product=options.gpu, memory_mib=options.gpu_memory)
    return replace(request, max_count=options.max_gpus or request.max_count)


def ratio(text: str) -> float:
    """Return a number between 0 and 1, for argparse."""
    return _checked(text, float, "a number", lambda number: 0 < number < 1, "between 0 and 1")


def positive(text: str) -> int:
    """Return a whole number above zero, for argparse."""
    return _checked(text, int, "a whole number", lambda number: number > 0, "above zero")


def seconds(text: str) -> float:
    """Return a number above zero, for argparse."""
    return _checked(text, float, "a number", lambda number: 0 < number < inf, "above zero")


def _checked(
    text: str, convert: Callable[[str], Number], kind: str, is_right: Callable[[Number], bool], limits: str
) -> Number:
    try:
        number = convert(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not {kind}") from None
    if not is_right(number):
        raise argparse.ArgumentTypeError(f"{text} is not {limits}")
    return number


def listed(item: Callable[[str], T]) -> Callable[[str], tuple[T, ...]]:
    """Return a function for argparse that reads items between commas."""

    def items(text: str) -> tuple[T, ...]:
        return tuple(item(part) for part in text.split(","))

    return items


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
    """Return the model that a text such as ``8B`` or ``InternVL3.5-8B`` names, in a series where one is given.

    Raises:
        UnknownModelError: there is no such model.
        ValueError: the text names another series than the given one.
    """
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


def read_resources(path: str) -> "list[InternVLDeployment]":
    """Return the InternVLDeployments of a YAML file; ``-`` is the standard input.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not YAML, holds none, or one of them is wrong.
    """
    from internvl_operator.api.parsing import parse
    from internvl_operator.api.v1alpha1 import KIND
    from internvl_operator.text.yaml_documents import read_documents

    text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    resources = [
        parse(document)
        for document in read_documents(text, path)
        if isinstance(document, dict) and document.get("kind") == KIND
    ]
    if not resources:
        raise ValueError(f"{path} holds no {KIND}")
    return resources


def _product(name: str) -> str:
    try:
        return find_gpu(name).product
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}; or give --gpu-memory") from None


def _memory(text: str) -> int:
    try:
        return memory_mib(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
