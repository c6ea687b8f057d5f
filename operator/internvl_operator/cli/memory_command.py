"""``internvl memory``: measures the GPU memory that models use, and compares it with the plan's."""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from internvl_operator.api.v1alpha1 import KIND
from internvl_operator.catalog.models import INTERNVL2
from internvl_operator.cli.cluster import (
    add_cluster_options,
    cluster_of,
    credentials_of,
    namespace_of,
    resource_of,
)
from internvl_operator.cli.exit_codes import INTERRUPTED, NOT_READY, exit_code_of, failed
from internvl_operator.cli.inputs.number_types import listed, positive, ratio, seconds
from internvl_operator.cli.options import DEFAULT_RATIOS, add_sizes_option, named_models
from internvl_operator.cli.printable_output import terminal_of
from internvl_operator.cli.text_table import markdown, write_csv
from internvl_operator.kube.client import KubernetesClient
from internvl_operator.kube.port import ClusterError, Key
from internvl_operator.kube.streams import PodStreams
from internvl_operator.measurement.campaign import Campaign
from internvl_operator.measurement.configuration import Configuration, configurations
from internvl_operator.measurement.gpu_memory import ReadingError
from internvl_operator.measurement.in_cluster import (
    Meter,
    NamespaceLaboratory,
    NvidiaSmi,
    Prometheus,
    pod_memory,
)
from internvl_operator.measurement.measurement import Journal, Measurement
from internvl_operator.measurement.report import report_csv, report_rows
from internvl_operator.text.printable import printable
from internvl_operator.text.text_files import read_text
from internvl_operator.text.yaml_documents import read_document


def main(arguments: Sequence[str]) -> int:
    """Measure; return 0, 1 when a configuration could not be measured, 2 for wrong usage, 130 when interrupted."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if (options.name is None) == (options.sizes is None and options.series is None):
        parser.error("give either the name of a resource or --sizes")
    return exit_code_of("memory", lambda: _measured(options), (ReadingError, ClusterError))


def _measured(options: argparse.Namespace) -> int:
    try:
        measurements = asyncio.run(_one(options) if options.name else _many(options))
    except (KeyboardInterrupt, asyncio.CancelledError):
        left = "interrupted; the same command goes on with the combinations that are left"
        return failed("memory", left, INTERRUPTED)
    print(markdown(report_rows(measurements)))
    if options.csv is not None:
        with options.csv.open("w", newline="", encoding="utf-8") as file:
            write_csv(report_csv(measurements), file)
    return 0 if all(each.is_settled for each in measurements) else NOT_READY


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="internvl memory",
        description="Measures the GPU memory of a resource that runs, or of each combination of sizes, GPUs, "
        "quantization and share of the KV cache, and compares it with the plan's. It makes a resource for each "
        "combination, waits until it is ready, reads the memory, and deletes it.",
        epilog="Exit code: 0 all was measured, 1 something was not, 2 wrong usage, 130 interrupted. "
        "Example: internvl memory captions",
    )
    parser.add_argument("name", nargs="?", help="a resource that runs; nothing is made or deleted")
    add_cluster_options(parser)
    add_sizes_option(parser)
    parser.add_argument("--gpus", metavar="N,...", type=listed(positive), default=(1,), help="GPUs each (1)")
    parser.add_argument("--awq", metavar="no,yes", type=listed(_is_awq), default=(False,), help="(no)")
    parser.add_argument(
        "--ratios",
        metavar="RATIOS",
        type=listed(ratio),
        default=DEFAULT_RATIOS,
        help="values of cacheMaxEntryCount (0.8,0.2,0.1,0.05)",
    )
    parser.add_argument(
        "-f",
        "--file",
        metavar="FILE",
        type=Path,
        help="a resource whose spec has all other fields, such as gpu.product and model.cache",
    )
    parser.add_argument("--at-once", metavar="N", type=positive, default=1, help="combinations at a time (1)")
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=seconds,
        default=3600.0,
        help="longest wait for one to become ready (3600)",
    )
    parser.add_argument(
        "--prometheus",
        metavar="URL",
        help="read the DCGM exporter's metric there, instead of running nvidia-smi in the pod",
    )
    parser.add_argument(
        "--journal",
        metavar="FILE",
        type=Path,
        default=Path("internvl-memory.jsonl"),
        help="keeps what was measured; a run goes on where an earlier one ended (internvl-memory.jsonl)",
    )
    parser.add_argument("--csv", metavar="FILE", type=Path, help="write what was measured as CSV too")
    return parser


def _is_awq(text: str) -> bool:
    if text not in ("no", "yes"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither no nor yes")
    return text == "yes"


async def _one(options: argparse.Namespace) -> list[Measurement]:
    """Measure a resource that runs."""
    key = Key(namespace_of(options), options.name)
    async with _connected(options, key.namespace) as (cluster, meter):
        plan = (await resource_of(cluster, key)).get("status", {}).get("plan")
        if plan is None:
            raise ReadingError(f"{key.namespace}/{key.name} has no plan yet")
        configuration = Configuration(
            plan["size"],
            plan["tp"],
            plan["quantization"] == "AWQ",
            plan["cacheMaxEntryCount"],
            plan.get("series", INTERNVL2),
        )
        return [Measurement(configuration, plan, await pod_memory(cluster, meter, key))]


async def _many(options: argparse.Namespace) -> list[Measurement]:
    """Measure every combination that the journal does not hold yet."""
    # A closed terminal cancels the run too, so that the resources are deleted and their GPUs become free.
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, _current().cancel)
    base = _base(options.file)
    wanted = list(configurations(named_models(options), options.gpus, options.awq, options.ratios))
    journal = Journal(options.journal)
    namespace = namespace_of(options)
    with journal.reserved():
        known = journal.read()
        left = [configuration for configuration in wanted if configuration not in known]
        async with _connected(options, namespace) as (cluster, meter):
            laboratory = NamespaceLaboratory(cluster, namespace, base, meter, journal.campaign)
            with _progress(len(wanted), len(left)) as bar:

                def report(configuration: Configuration, text: str) -> None:
                    bar.set_postfix_str(printable(f"{configuration}: {text}"))

                campaign = Campaign(laboratory, options.timeout, time.monotonic, report)
                async for measurement in campaign.run(left, options.at_once):
                    known[measurement.configuration] = measurement
                    if measurement.is_settled:
                        journal.add(measurement)
                    bar.update()
                    bar.write(printable(_line(measurement)), file=terminal_of(sys.stderr))
    return [known[configuration] for configuration in wanted]


def _progress(wanted: int, left: int) -> Any:
    """Return a bar that shows on a terminal how many combinations are measured."""
    terminal = terminal_of(sys.stderr)
    return tqdm(total=wanted, initial=wanted - left, unit="combination", disable=None, file=terminal)


@asynccontextmanager
async def _connected(
    options: argparse.Namespace, namespace: str
) -> AsyncIterator[tuple[KubernetesClient, Meter]]:
    async with (
        cluster_of(options, [namespace]) as cluster,
        PodStreams(credentials_of(options)) as streams,
    ):
        meter: Meter = Prometheus(options.prometheus) if options.prometheus else NvidiaSmi(streams)
        yield cluster, meter


def _current() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("not within a task")
    return task


def _base(path: Path | None) -> Mapping[str, Any]:
    """Return the resource of a file.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds something else.
    """
    if path is None:
        return {}
    document = read_document(read_text(path), str(path))
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise ValueError(f"{path} holds no {KIND}")
    return document


def _line(measurement: Measurement) -> str:
    if measurement.most_used_mib is not None:
        return f"{measurement.configuration}: {measurement.most_used_mib} MiB"
    return f"{measurement.configuration}: {measurement.reason}: {measurement.message}"
