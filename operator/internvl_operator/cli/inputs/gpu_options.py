"""The options that say which GPUs there are: by name, by memory, or by the nodes of a cluster."""

import argparse
from collections.abc import Iterable
from dataclasses import replace

from internvl_operator.catalog.hardware.gpu_names import GivenGpu, gpu_called
from internvl_operator.catalog.nvidia import GPU_RESOURCE
from internvl_operator.cli.inputs.node_files import Node, read_nodes
from internvl_operator.cli.inputs.number_types import positive
from internvl_operator.planner.nodes.inventory import Inventory, NoGpuKnownError, given_gpu, inventory_for
from internvl_operator.planner.request import GpuRequest
from internvl_operator.text.quantity import memory_mib


def add_gpu_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which GPUs there are."""
    parser.add_argument(
        "--gpu",
        metavar="PRODUCT",
        type=_given_gpu,
        help="GPU product, as the node label nvidia.com/gpu.product or short (A100-80GB), or a MIG profile "
        "(mig-3g.40gb); internvl gpus lists them",
    )
    parser.add_argument(
        "--gpu-memory",
        metavar="QUANTITY",
        type=_memory,
        help="memory of one GPU, for example 80Gi or 81250Mi",
    )
    parser.add_argument("--max-gpus", metavar="N", type=positive, help="most GPUs for one replica (8)")


def add_nodes_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that reads the nodes of a cluster from a file."""
    parser.add_argument(
        "--nodes",
        metavar="FILE",
        type=_nodes,
        help="plan for these nodes, as kubectl get nodes --output json prints them (-: stdin)",
    )


def gpus_of(request: GpuRequest, nodes: Iterable[Node] | None = None) -> Inventory:
    """Return the GPUs that a request names, or that nodes have for it.

    Raises:
        ValueError: there are none; the message names the options that tell of some.
    """
    try:
        return given_gpu(request) if nodes is None else inventory_for(request, nodes)
    except NoGpuKnownError as error:
        if nodes is not None:
            raise
        named = request.resource != GPU_RESOURCE or request.product is not None
        why = str(error) if named else "no GPU is known to plan for"
        raise ValueError(f"{why}: give --gpu or --gpu-memory") from None


def with_gpu_options(request: GpuRequest, options: argparse.Namespace) -> GpuRequest:
    """Return a request with what the options say in place of its own."""
    given: GivenGpu | None = options.gpu
    if given is not None:
        memory = options.gpu_memory or given.memory_mib
        request = replace(request, resource=given.resource, product=given.product, memory_mib=memory)
    elif options.gpu_memory:
        request = replace(request, product=None, memory_mib=options.gpu_memory)
    return replace(request, max_count=options.max_gpus or request.max_count)


def gpu_notes(options: argparse.Namespace, own: GpuRequest | None = None) -> tuple[str, ...]:
    """Return what a person should know of how the options were read.

    Args:
        options: those of the verb.
        own: the GPUs of a resource in a file, for which the options stand in; None without a file.
    """
    given: GivenGpu | None = options.gpu
    notes = [given.note] if given is not None and given.note else []
    replaced = own is not None and (own.product or own.memory_mib or own.resource != GPU_RESOURCE)
    if replaced and (given is not None or options.gpu_memory):
        notes.append("--gpu and --gpu-memory stand in place of what the file says in spec.gpu")
    return tuple(notes)


def _given_gpu(name: str) -> GivenGpu:
    try:
        return gpu_called(name)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{error}: internvl gpus lists those that are known, and --gpu-memory describes any other"
        ) from None


def _memory(text: str) -> int:
    try:
        return memory_mib(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _nodes(path: str) -> list[Node]:
    try:
        return read_nodes(path)
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None
