"""``/metrics`` with LMDeploy's names (metrics/loggers.py), for the release and for one model.

LMDeploy refreshes its gauges every 10 s; here they are read when they are asked for. The buckets of the
histograms are the client library's.
"""

import sys
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest

from internvl_operator.catalog.hardware.image_variants import Release

from ..load import Load

_NEVER: Release = (sys.maxsize,)

_GAUGES: tuple[tuple[str, Callable[[Load, Release], float], Release, Release], ...] = (
    ("num_requests_finished", lambda load, _: load.finished, (0, 9), (0, 12)),
    ("num_requests_unfinished", lambda load, _: load.unfinished, (0, 9), (0, 12)),
    ("num_requests_succeeded", lambda load, _: load.succeeded, (0, 12), _NEVER),
    ("num_requests_failed", lambda load, _: load.failed, (0, 12), _NEVER),
    ("num_api_requests_routed", lambda load, _: load.routed, (0, 12), _NEVER),
    ("num_api_requests_waiting", lambda load, _: load.waiting, (0, 12), _NEVER),
    ("num_requests_running", lambda load, _: load.running, (0, 9), _NEVER),
    (
        "num_requests_waiting",
        lambda load, release: 0 if release >= (0, 12) else load.waiting,
        (0, 9),
        _NEVER,
    ),
    ("gpu_cache_usage_perc", lambda _, __: 0, (0, 9), _NEVER),
    ("prefix_cache_hit_rate", lambda _, __: 0, (0, 14), _NEVER),
    ("spec_decode_mean_accept_rate", lambda _, __: 0, (0, 14), _NEVER),
    ("spec_decode_mean_accept_length", lambda _, __: 0, (0, 14), _NEVER),
)
"""The gauges: name, value, the first release with it, the first without it again."""

_IDLE_COUNTERS = (
    "cached_tokens_total",
    "spec_decode_num_drafts_total",
    "spec_decode_num_draft_tokens_total",
    "spec_decode_num_accepted_tokens_total",
)
"""Counters since 0.14 of what the stub never does."""

_BY_POSITION = {
    "spec_decode_num_accepted_tokens_per_pos_total": Counter,
    "spec_decode_per_position_accept_rate": Gauge,
}
"""Likewise, with a series for each position of a draft: none here."""

_HISTOGRAMS: tuple[tuple[str, Release], ...] = (
    ("request_prompt_tokens", (0, 9)),
    ("request_generation_tokens", (0, 9)),
    ("iteration_tokens_total", (0, 9)),
    ("time_to_first_token_seconds", (0, 9)),
    ("time_per_output_token_seconds", (0, 9)),
    ("iter_token_latency", (0, 10)),
    ("e2e_request_latency_seconds", (0, 9)),
    ("request_queue_time_seconds", (0, 9)),
    ("request_inference_time_seconds", (0, 9)),
    ("request_prefill_time_seconds", (0, 9)),
    ("request_decode_time_seconds", (0, 9)),
    ("request_cached_tokens", (0, 14)),
    ("request_cache_hit_ratio", (0, 14)),
)
"""The histograms and the first release with each."""

_LABELS = ("model_name", "engine")


class Metrics:
    """The metrics of one server."""

    def __init__(self, release: Release, model_name: str, load: Load) -> None:
        self.registry = CollectorRegistry()
        self._labels = (model_name, "0")
        Info("lmdeploy:backend_config", "A stub has none.", registry=self.registry).info({"stub": "true"})
        for name, value, since, before in _GAUGES:
            if since <= release < before:
                self._gauge(name, value, load, release)
        self._prompt_tokens = self._counter("prompt_tokens_total")
        self._generation_tokens = self._counter("generation_tokens_total")
        self._success = Counter(
            "lmdeploy:request_success_total",
            "Answers by their end.",
            (*_LABELS, "finished_reason"),
            registry=self.registry,
        )
        self._histograms = {name: self._histogram(name) for name, since in _HISTOGRAMS if release >= since}
        if release >= (0, 14):
            for name in _IDLE_COUNTERS:
                self._counter(name)
            for name, kind in _BY_POSITION.items():
                kind(f"lmdeploy:{name}", "Always empty.", (*_LABELS, "position"), registry=self.registry)

    def exposition(self) -> bytes:
        """Return the metrics in Prometheus's text format."""
        return generate_latest(self.registry)

    def observe(self, **values: float) -> None:
        """Add a value to each named histogram that the release has."""
        for name, value in values.items():
            if name in self._histograms:
                self._histograms[name].observe(value)

    def count_answer(self, prompt_tokens: int, generation_tokens: int) -> None:
        """Count an answer that came to its end."""
        self._prompt_tokens.inc(prompt_tokens)
        self._generation_tokens.inc(generation_tokens)
        self._success.labels(*self._labels, "ResponseType.FINISH").inc()
        self.observe(request_prompt_tokens=prompt_tokens, request_generation_tokens=generation_tokens)

    def _gauge(
        self, name: str, value: Callable[[Load, Release], float], load: Load, release: Release
    ) -> None:
        gauge = Gauge(f"lmdeploy:{name}", "See LMDeploy's documentation.", _LABELS, registry=self.registry)
        gauge.labels(*self._labels).set_function(lambda: value(load, release))

    def _counter(self, name: str) -> Counter:
        counter = Counter(
            f"lmdeploy:{name}", "See LMDeploy's documentation.", _LABELS, registry=self.registry
        )
        return counter.labels(*self._labels)

    def _histogram(self, name: str) -> Histogram:
        histogram = Histogram(
            f"lmdeploy:{name}", "See LMDeploy's documentation.", _LABELS, registry=self.registry
        )
        return histogram.labels(*self._labels)
