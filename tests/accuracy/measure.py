"""Measures cells of the memory model on this machine's GPU: ``python -m tests.accuracy.measure --results FILE``.

Needs an NVIDIA GPU and LMDeploy, as ``python -m tests.gpu`` does. The weights are zeros of the true shapes: memory
follows from the shapes alone.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from internvl_operator.catalog.models import INTERNVL2, find_model
from tests.gpu import nvidia
from tests.gpu.cases import Case, container, rendered
from tests.gpu.checkpoint import write_checkpoint
from tests.gpu.client import chat, image_message, text_message
from tests.speed.serving import ServerFailedError, running

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.gpu.container.manifest import Container

COLUMNS = [
    "series",
    "size",
    "quantization",
    "backend",
    "tp",
    "gpu_memory_mib",
    "cache_max_entry_count",
    "session_len",
    "max_batch_size",
    "quant_policy",
    "outcome",
    "startup_s",
    "free_after_weights_mib",
    "kv_budget_mib",
    "used_ready_mib",
    "used_peak_mib",
    "max_prefill_token_num",
    "engine",
]

_BUDGET = re.compile(r"cache budget: (?P<kv>[\d.]+) MB from free (?P<free>[\d.]+) MB")
"""TurboMind's words from 0.16 on, at the log level INFO."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """A configuration of which the memory is measured.

    Attributes:
        model: As ``Model.short_name`` has it.
        engine: Fields of ``spec.engine``.
        quantization: Of the weights.
        card_mib: Memory of a smaller card that the GPU stands for; None: the GPU as it is.
    """

    model: str
    engine: tuple[tuple[str, Any], ...]
    quantization: str = "None"
    card_mib: int | None = None

    @property
    def name(self) -> str:
        """Names the configuration and no other one."""
        card = [f"{self.card_mib}MiB"] if self.card_mib else []
        options = [f"{name} {value}" for name, value in self.engine]
        return ", ".join([f"{self.model} {self.quantization}", *card, *options])

    @property
    def series(self) -> str:
        """Of the model."""
        return self.model.partition("-")[0] if "-" in self.model else INTERNVL2

    @property
    def size(self) -> str:
        """Of the model."""
        return self.model.partition("-")[2] if "-" in self.model else self.model

    @property
    def spec(self) -> dict[str, Any]:
        """As a user writes it."""
        series = {} if self.series == INTERNVL2 else {"series": self.series}
        return series | {
            "size": self.size,
            "quantization": self.quantization,
            "engine": {"tp": 1} | dict(self.engine),
        }


def _of(
    model: str, ratio: float, card_mib: int | None = None, quantization: str = "None", **engine: Any
) -> Configuration:
    options = {"cacheMaxEntryCount": ratio} | engine
    return Configuration(model, tuple(options.items()), quantization, card_mib)


CONFIGURATIONS = (
    _of("InternVL3.5-8B", 0.8),
    _of("InternVL3.5-8B", 0.2),
    _of("InternVL3.5-30B-A3B", 0.8),
    _of("InternVL3-8B", 0.8),
    _of("InternVL3-14B", 0.8, quantization="AWQ"),
    _of("InternVL3.5-8B", 0.8, backend="PyTorch"),
    _of("InternVL3.5-4B", 0.7, 24576),
    _of("InternVL3.5-30B-A3B", 0.2),
    _of("InternVL3.5-8B", 0.5, quantPolicy=8),
    _of("InternVL3-8B", 0.2, quantization="AWQ"),
    _of("InternVL2.5-4B", 0.5),
    _of("InternVL2.5-38B", 0.5, 49152, quantization="AWQ"),
    _of("InternVL3.5-4B", 0.4, 16384),
    _of("InternVL3-9B", 0.5),
    _of("InternVL3.5-38B", 0.5),
    _of("InternVL3-8B", 0.5, backend="PyTorch"),
    _of("InternVL3.5-30B-A3B", 0.5, backend="PyTorch"),
    _of("InternVL3-78B", 0.8, quantization="AWQ"),
    _of("InternVL3.5-14B", 0.5),
    _of("InternVL3-2B", 0.5, 12288),
    _of("InternVL3.5-1B", 0.5),
    _of("InternVL3.5-30B-A3B", 0.5, 81920),
)
"""In order of what is learned: each architecture, its extremes, both backends."""


def main(arguments: Sequence[str]) -> int:
    """Measure what the file does not have; return 0 when every server came up, else 1."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.accuracy.measure", description="Measure cells of the memory model."
    )
    parser.add_argument("--results", type=Path, required=True, metavar="FILE", help="CSV file, which grows")
    parser.add_argument(
        "--budget", type=float, default=float("inf"), help="seconds after which none is begun"
    )
    parser.add_argument("--wait", type=float, default=150, help="seconds for a server's health (%(default)g)")
    parser.add_argument("--directory", type=Path, default=Path("/tmp/internvl-memory"), help="(%(default)s)")
    options = parser.parse_args(arguments)
    known = options.results.with_suffix(".names")
    done = set(known.read_text().splitlines()) if known.exists() else set()
    until, all_came_up = time.monotonic() + options.budget, True
    for configuration in CONFIGURATIONS:
        if configuration.name in done or time.monotonic() > until:
            continue
        try:
            row = _measured(configuration, options.directory, options.wait)
        except (ServerFailedError, OSError, ValueError) as error:
            print(f"{configuration.name}: {error}", flush=True)
            all_came_up = False
            continue
        _append(options.results, row)
        with known.open("a") as file:
            file.write(f"{configuration.name}\n")
        print(f"{configuration.name}: {row}", flush=True)
    return 0 if all_came_up else 1


def _measured(configuration: Configuration, directory: Path, wait_seconds: float) -> dict[str, object]:
    gpu, before = nvidia.gpus()[0], nvidia.used_mib()
    checkpoint = directory / "models" / f"{configuration.model}-{configuration.quantization}"
    if not checkpoint.exists():
        model = find_model(configuration.series, configuration.size)
        write_checkpoint(model, configuration.quantization == "AWQ", checkpoint)
    case = Case(f"memory-{configuration.model}", configuration.spec, configuration.card_mib)
    serving = _telling(container(rendered(case, gpu.name.replace(" ", "-"))))
    # Short, as PyTorch's engine makes sockets below it, whose paths may have 107 characters.
    log = directory / f"run-{CONFIGURATIONS.index(configuration)}"
    with nvidia.SmallerCard(configuration.card_mib) if configuration.card_mib else nullcontext():
        held = nvidia.used_mib()
        asked = time.monotonic()
        with running(serving, checkpoint, log, wait_seconds) as server:
            seconds = time.monotonic() - asked
            ready = nvidia.most_used_mib(held)
            name = serving.command[serving.command.index("--model-name") + 1]
            for message in (text_message(), image_message()):
                reply = chat(server.port, name, message)
                if reply.error:
                    raise ValueError(f"the server answers {reply}")
            peak = nvidia.most_used_mib(held)
            output = server.pod.output()
    nvidia.wait_until_freed(before)
    return _row(configuration, serving, gpu.total_mib, (seconds, ready, peak), output)


def _telling(serving: Container) -> Container:
    """Return the container with the log level at which TurboMind says how much memory is left for the KV cache."""
    return replace(serving, command=(*serving.command, "--log-level", "INFO"))


def budget_of(output: str) -> tuple[str, str]:
    """Return what an engine says is free after the weights, and what of it the KV cache takes; MiB, empty if unsaid.

    PyTorch says neither.
    """
    budget = _BUDGET.search(output)
    return (budget["free"], budget["kv"]) if budget else ("", "")


def _row(
    configuration: Configuration,
    serving: Container,
    total_mib: int,
    seen: tuple[float, int, int],
    output: str,
) -> dict[str, object]:
    def flag(name: str, default: str) -> str:
        return serving.command[serving.command.index(name) + 1] if name in serving.command else default

    seconds, ready, peak = seen
    row = (
        configuration.series,
        configuration.size,
        configuration.quantization.lower(),
        flag("--backend", ""),
        flag("--tp", "1"),
        configuration.card_mib or total_mib,
        flag("--cache-max-entry-count", ""),
        flag("--session-len", ""),
        flag("--max-batch-size", ""),
        flag("--quant-policy", "0"),
        "ok",
        round(seconds, 1),
        *budget_of(output),
        ready,
        peak,
        flag("--max-prefill-token-num", "8192"),
        metadata.version("lmdeploy"),
    )
    return dict(zip(COLUMNS, row, strict=True))


def _append(path: Path, row: dict[str, object]) -> None:
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow(row)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
