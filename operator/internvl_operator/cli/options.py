"""What the verbs ``plan``, ``render`` and ``table`` share: resource files, options for GPUs and the engine."""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from internvl_operator.catalog.engines import DEFAULT_VERSION, SUPPORTED_VERSIONS
from internvl_operator.catalog.gpus import find_gpu
from internvl_operator.catalog.models import MODELS
from internvl_operator.planner.request import BACKENDS, GpuRequest, PlanRequest, backend
from internvl_operator.quantity import memory_mib

if TYPE_CHECKING:
    from internvl_operator.api.v1alpha1 import InternVLDeployment

Number = TypeVar("Number", int, float)
T = TypeVar("T")

NOT_READY = 1
USAGE_ERROR = 2
NO_PLAN = 3


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
    parser.add_argument("--session-len", metavar="N", type=positive, help="tokens (8192)")
    parser.add_argument("--max-batch-size", metavar="N", type=positive, help="requests (128)")
    parser.add_argument("--quant-policy", type=int, choices=[0, 4, 8], help="bits of the KV cache (0)")
    parser.add_argument(
        "--engine",
        metavar="VERSION",
        choices=SUPPORTED_VERSIONS,
        help=f"LMDeploy release ({DEFAULT_VERSION})",
    )


def with_options(request: PlanRequest, options: argparse.Namespace) -> PlanRequest:
    """Return a request with what the options say of GPUs and engine in place of its own."""
    named = ("engine", "session_len", "max_batch_size", "quant_policy")
    given: dict[str, Any] = {name: value for name in named if (value := getattr(options, name)) is not None}
    if options.backend is not None:
        given["backend"] = backend(options.backend)
    return replace(request, gpu=with_gpu_options(request.gpu, options), **given)


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


def size(text: str) -> str:
    """Return the size of a model, for argparse."""
    if text not in MODELS:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(MODELS)}")
    return text


def read_resources(path: str) -> "list[InternVLDeployment]":
    """Return the InternVLDeployments of a YAML file; ``-`` is the standard input.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not YAML, holds none, or one of them is wrong.
    """
    import yaml

    from internvl_operator.api.v1alpha1 import KIND, parse

    text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
    try:
        documents: list[Any] = list(yaml.safe_load_all(text))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {error}") from None
    resources = [
        parse(document)
        for document in documents
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
