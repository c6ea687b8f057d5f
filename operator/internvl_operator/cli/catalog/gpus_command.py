"""``internvl gpus``: the GPUs that plans know by name."""

import argparse
import json
from collections.abc import Sequence

from internvl_operator.catalog.engines import DEFAULT_VERSION, engine
from internvl_operator.catalog.gpus import GPUS, Gpu
from internvl_operator.catalog.hardware.image_variants import PROCESSOR, dotted
from internvl_operator.catalog.models import Backend
from internvl_operator.cli.exit_codes import exit_code_of
from internvl_operator.cli.text_table import aligned


def main(arguments: Sequence[str]) -> int:
    """Print the GPUs; return 0."""
    parser = argparse.ArgumentParser(
        prog="internvl gpus",
        description="Lists the GPUs that plans know by name, with their memory and what they are called elsewhere. "
        "Any other needs spec.gpu.memory, or --gpu-memory.",
        epilog="Example: internvl gpus -o json",
    )
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    options = parser.parse_args(arguments)
    return exit_code_of("gpus", lambda: _printed(options.output))


def _printed(output: str) -> int:
    if output == "json":
        print(json.dumps([_document(gpu) for gpu in GPUS], indent=2))
    else:
        head = ("PRODUCT", "MEMORY", "COMPUTE", "PROCESSOR", "BACKENDS", "OTHER NAMES")
        print("\n".join(aligned([head, *(_row(gpu) for gpu in GPUS)])))
    return 0


def _document(gpu: Gpu) -> dict[str, object]:
    return {
        "product": gpu.product,
        "memoryMiB": gpu.memory_mib,
        "computeCapability": dotted(gpu.compute_capability),
        "processor": gpu.processor,
        "backends": _backends(gpu),
        "names": [name for name in gpu.names if name != gpu.product],
    }


def _row(gpu: Gpu) -> tuple[str, ...]:
    others = ", ".join(name for name in gpu.names if name != gpu.product)
    backends = ", ".join(_backends(gpu)) or f"none of {DEFAULT_VERSION}'s images"
    return (
        gpu.product,
        f"{gpu.memory_mib} MiB",
        dotted(gpu.compute_capability),
        gpu.processor,
        backends,
        others,
    )


def _backends(gpu: Gpu) -> list[str]:
    """Return the backends for which a published image of the default release has code."""
    if gpu.processor != PROCESSOR:
        return []
    variants = engine(DEFAULT_VERSION).variants
    return [
        str(backend) for backend in Backend if any(v.runs(gpu.compute_capability, backend) for v in variants)
    ]
