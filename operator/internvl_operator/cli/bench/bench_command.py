"""``internvl bench``: how fast a served model answers."""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any

from internvl_operator.bench.bench_job import bench_job
from internvl_operator.bench.completion_stream import CompletionClient, RequestFailedError
from internvl_operator.bench.in_cluster_bench import JobFailedError, run_job
from internvl_operator.bench.latency_figures import NoAnswerError, figures
from internvl_operator.bench.load_run import LoadRun
from internvl_operator.bench.measured_load import FIELD_MANAGER, MeasuredLoad, performance_patch
from internvl_operator.bench.offered_load import OfferedLoad
from internvl_operator.bench.planned_speed import PlannedSpeed
from internvl_operator.bench.request_bodies import request_bodies
from internvl_operator.chat.content import image_url
from internvl_operator.chat.resource import NotServingError, own_service, served_url
from internvl_operator.cli.bench.bench_options import bench_parser, check, loads
from internvl_operator.cli.bench.bench_progress import progress
from internvl_operator.cli.bench.bench_text import bench_text
from internvl_operator.cli.chat.target import endpoint_of
from internvl_operator.cli.cluster import cluster_of, namespace_of, resource_of
from internvl_operator.cli.exit_codes import NOT_READY, exit_code_of
from internvl_operator.cli.plot.plot_option import drawing
from internvl_operator.kube.client import KubernetesClient
from internvl_operator.kube.port import ClusterError, Key, KubernetesObject

_FAILURES = (RequestFailedError, NoAnswerError, NotServingError, JobFailedError, ClusterError)
_START_SECONDS = 600.0
"""For a Job to be scheduled and its image to be pulled, and for the last answers to come."""


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is measured.

    Args:
        body: the resource; None when a URL is given.
        via: how it is reached.
        replicas: that answer.
    """

    body: KubernetesObject | None
    via: str
    replicas: int = 1

    @property
    def planned(self) -> PlannedSpeed | None:
        """What the resource's plan says of its speed."""
        return PlannedSpeed.of(self.body, self.replicas) if self.body else None


def main(arguments: Sequence[str]) -> int:
    """Measure; return 0, 1 when a request failed or there was no answer, 2 for wrong usage, 130 when interrupted."""
    parser = bench_parser()
    options = parser.parse_args(arguments)
    check(parser, options)
    return exit_code_of("bench", lambda: asyncio.run(_run(options)), _FAILURES)


async def _run(options: argparse.Namespace) -> int:
    # Without matplotlib the verb must fail before the measurement, not after it.
    draw = drawing("bench.latency_picture").draw if options.plot else None
    async with _subject(options) as (subject, cluster):
        planned = subject.planned
        wanted = loads(options, planned)
        _note(_introduction(subject))
        if options.in_cluster and cluster and subject.body:
            measured = [await _in_job(options, cluster, subject.body, load) for load in wanted]
        else:
            measured = await _from_here(options, wanted)
        planned_figures = planned.figures_for(wanted[0]) if planned and len(wanted) == 1 else None
        _print(options, measured, subject, planned_figures)
        if planned and len(wanted) == 1 and planned_figures is None:
            _note(f"no planned column: the plan is for another load, {planned.load}")
        if options.save and cluster and subject.body:
            await _save(cluster, subject, measured[0])
    if draw:
        draw(measured, options.plot)
    return NOT_READY if any(one.figures.failures for one in measured) else 0


@asynccontextmanager
async def _subject(options: argparse.Namespace) -> AsyncIterator[tuple[_Subject, KubernetesClient | None]]:
    """Yield what is measured, and a client of its cluster."""
    if "://" in options.target:
        yield _Subject(None, "url"), None
        return
    key = Key(namespace_of(options), options.target)
    async with cluster_of(options, [key.namespace]) as cluster:
        body = await resource_of(cluster, key)
        via = "in-cluster" if options.in_cluster else options.via
        replicas = 1 if via == "port-forward" else (body.get("status") or {}).get("readyReplicas") or 1
        yield _Subject(body, via, replicas), cluster


async def _from_here(options: argparse.Namespace, wanted: Sequence[OfferedLoad]) -> list[MeasuredLoad]:
    """Measure loads one after the other from this program."""
    given = [image_url(source) for source in options.image]
    async with (
        endpoint_of(options) as endpoint,
        CompletionClient(endpoint, options.timeout, time.monotonic) as client,
    ):
        model = await client.model()
        measured = []
        for load in wanted:
            # Making images takes seconds, in which the connections go on.
            bodies = await asyncio.to_thread(request_bodies, load, model, options.seed, given)
            # A single request first: if it fails, the user knows it in a second and not after a minute.
            await client.ask(bodies[0])
            run = LoadRun(
                client.ask, bodies, options.warm_up, options.seconds, Random(options.seed), time.monotonic
            )
            async with progress(load.pace, options.warm_up + options.seconds):
                seen = await run.observe(load)
            measured.append(MeasuredLoad(model, load, options.seconds, options.warm_up, figures(seen)))
    return measured


async def _in_job(
    options: argparse.Namespace, cluster: KubernetesClient, body: KubernetesObject, load: OfferedLoad
) -> MeasuredLoad:
    """Measure a load from a Job of the cluster."""
    await own_service(cluster, body)
    seconds = options.warm_up + options.seconds + options.timeout + _START_SECONDS
    job = bench_job(body, served_url(body), options.job_image, _job_arguments(options, load), round(seconds))
    async with progress(load.pace, options.warm_up + options.seconds) as bar:
        return await run_job(cluster, job, seconds, time.monotonic, bar.tell)


def _job_arguments(options: argparse.Namespace, load: OfferedLoad) -> list[str]:
    """Return the options of the command that the Job runs."""
    words: dict[str, Any] = {
        "--images": load.images,
        "--image-size": f"{load.width}x{load.height}" if load.width else None,
        "--prompt-tokens": load.prompt_tokens,
        "--output-tokens": load.output_tokens,
        "--requests-per-second": load.requests_per_second,
        "--concurrency": load.concurrency,
        "--seconds": options.seconds,
        "--warm-up": options.warm_up,
        "--timeout": options.timeout,
        "--seed": options.seed,
        "--model": options.model,
    }
    arguments = [f"{name}={value}" for name, value in words.items() if value is not None]
    arguments += [f"--image={image}" for image in options.image]
    return arguments + (["--insecure"] if options.insecure else [])


async def _save(cluster: KubernetesClient, subject: _Subject, measured: MeasuredLoad) -> None:
    """Write a measured load into the resource's status.

    Raises:
        NotServingError: the pods are others than those that were measured.
        ClusterError: the API failed; it takes the right to patch the resource's status.
    """
    before = subject.body or {}
    metadata = before["metadata"]
    body = await resource_of(cluster, Key(metadata["namespace"], metadata["name"]))
    if body["status"].get("revision") != before["status"].get("revision"):
        raise NotServingError("the pods were changed during the measurement, which is not saved")
    patch = performance_patch(body, measured, datetime.now(UTC), subject.via, subject.replicas)
    await cluster.patch_status(patch, FIELD_MANAGER)
    _note("saved as status.performance")


def _print(
    options: argparse.Namespace,
    measured: Sequence[MeasuredLoad],
    subject: _Subject,
    planned: Mapping[str, float] | None,
) -> None:
    documents: list[dict[str, Any]] = [one.document() for one in measured]
    # The output is always one JSON value: several loads make a list.
    whole: Any = documents[0] if len(documents) == 1 else documents
    if options.report:
        options.report.write_text(json.dumps(whole), encoding="utf-8")
    if options.output == "json":
        if planned:
            whole = {**whole, "planned": planned}
        print(json.dumps(whole, indent=2))
    else:
        print(f"{measured[0].model}, {_place(subject)}")
        print(bench_text(measured, planned))


def _place(subject: _Subject) -> str:
    plan = ((subject.body or {}).get("status") or {}).get("plan")
    if not plan:
        return f"measured through {'its URL' if subject.via == 'url' else subject.via}"
    replicas = "1 replica" if subject.replicas == 1 else f"{subject.replicas} replicas"
    product = plan["product"] or f"GPU of {plan['gpuMemoryMiB']} MiB"
    return f"{replicas} on {plan['gpus']} x {product}, LMDeploy {plan['engine']}, measured via {subject.via}"


def _introduction(subject: _Subject) -> str:
    if subject.via != "port-forward":
        return ""
    return (
        "a port-forward is a bottleneck: it passes all through the API server and one kubelet, to one pod. "
        "For figures to compare use --in-cluster, or --via service"
    )


def _note(text: str) -> None:
    if text:
        print(f"internvl bench: {text}", file=sys.stderr)
