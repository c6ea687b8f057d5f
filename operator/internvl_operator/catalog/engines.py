"""The engine catalogue: the supported LMDeploy releases.

The flags and batch sizes of a release are data, one JSON file each, written by the release's own argument
parser (``tests/engines/generate.py``). What follows from the order of the releases is written down once, in
:func:`_engine`; nothing else compares versions. The sources are LMDeploy's own: its code and its workflows at
the release's tag, and the pull requests and issues named by number.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from pkgutil import get_data
from types import MappingProxyType
from typing import Any

from internvl_operator.catalog.engine import Engine, Flag, FlagGroup
from internvl_operator.catalog.engine_caveats import caveats_of
from internvl_operator.catalog.hardware.image_variants import Release, awq_capability, variants_of
from internvl_operator.catalog.models import PUBLISHED, Backend

__all__ = ["DEFAULT_VERSION", "SUPPORTED_VERSIONS", "Engine", "UnknownEngineError", "engine", "has_metrics"]

SUPPORTED_VERSIONS = (
    "0.5.3",
    "0.6.5",
    "0.7.3",
    "0.8.0",
    "0.9.2",
    "0.10.2",
    "0.11.1",
    "0.12.3",
    "0.13.0",
    "0.14.0",
    "0.15.0",
    "0.16.0",
    "0.17.0",
    "0.18.0",
)
"""Release 0.5.3 and the last patch release of each minor since, the oldest first."""

DEFAULT_VERSION = "0.18.0"
"""The release that serves unless another is asked for."""


def oldest_version(series: str) -> str:
    """Return the oldest supported release that serves a series."""
    since = next(published.since for published in PUBLISHED if published.name == series)
    return next(version for version in SUPPORTED_VERSIONS if _release(version) >= since)


class UnknownEngineError(ValueError):
    """The LMDeploy release is not a supported one; the message names the closest."""


@cache
def engine(version: str) -> Engine:
    """Return the catalogue's entry of one LMDeploy release.

    Raises:
        UnknownEngineError: the release is not one of :data:`SUPPORTED_VERSIONS`.

    Example:
        >>> engine("0.18.0").supports("--quant-policy")
        True
    """
    if version not in SUPPORTED_VERSIONS:
        raise UnknownEngineError(f"LMDeploy {version} is not supported; the closest is {_closest(version)}.")
    content = get_data(__package__, f"engine_data/{version}.json")
    assert content is not None, "the package's own loader reads its data"
    return _engine(version, json.loads(content))


def max_prefill_token_num(version: str) -> int:
    """Return the tokens of one prefill step of a release without ``--max-prefill-token-num``.

    A release that is not in the catalogue is a later one, by which a newer operator runs a model; the latest
    known one stands for it.
    """
    known = version if version in SUPPORTED_VERSIONS else SUPPORTED_VERSIONS[-1]
    return engine(known).default_max_prefill_token_num


def has_metrics(version: str, backend: Backend) -> bool:
    """Return whether a release fills ``/metrics`` on a backend.

    A release that is not in the catalogue is a later one, by which a newer operator runs a model: later ones do.
    """
    return version not in SUPPORTED_VERSIONS or backend in engine(version).metrics_backends


def _engine(version: str, data: dict[str, Any]) -> Engine:
    """Join what a release's package declares with what follows from its place among the releases."""
    release = _release(version)
    flags = {name: _flag(name, declared) for name, declared in data["flags"].items()}
    return Engine(
        version=version,
        variants=variants_of(release),
        awq_capability=awq_capability(release),
        flags=MappingProxyType(flags),
        accepts_underscores=data["underscores"],
        max_batch_sizes=MappingProxyType(data["max_batch_sizes"]),
        # 0.5.3 has no flag for it: messages.py, TurbomindEngineConfig
        default_max_prefill_token_num=data["flags"].get("--max-prefill-token-num", {}).get("default", 8192),
        series=frozenset(published.name for published in PUBLISHED if release >= published.since),
        turbomind_architectures=_turbomind_architectures(release),
        health_is_real=release >= (0, 14),  # 4615
        requires_trust_remote_code="--trust-remote-code" in flags,  # 4511: implied before there was a flag
        truncates_session=release < (0, 15),  # 4717
        native_vision=release >= (0, 16),  # 4719
        pins_vision_memory=(0, 16) <= release < (0, 18),  # turbomind/models/internvit/internvit.cc
        replicates_vocabulary=release < (0, 6),  # src/turbomind/models/llama/LlamaWeight.cc
        kv_heads_may_repeat=release >= (0, 6, 5),  # turbomind/deploy/target_model/base.py, repeat_kv
        pytorch_repeats_kv_heads=_pytorch_repeats_kv_heads(release),
        metrics_backends=_metrics_backends(release, flags),
        metrics_flag="--enable-metrics" if "--enable-metrics" in flags else None,
        metrics_require_key=release >= (0, 12, 2),  # 4338
        waiting_requests_metrics=_waiting_requests_metrics(release),
        # Up to 0.9 "internvl2" in the directory's name decides, which a fine-tune need not have (lmdeploy:
        # model.py, best_match_model).
        goes_by_directory=release < (0, 10),
        chat_template_is_json=release < (0, 6),
        caveats=caveats_of(release),
    )


def _flag(name: str, declared: dict[str, Any]) -> Flag:
    default = declared.get("default")
    return Flag(
        name=name,
        type=declared["type"],
        group=FlagGroup(declared["group"]),
        nargs=declared.get("nargs"),
        choices=tuple(declared.get("choices", ())),
        default=tuple(default) if isinstance(default, list) else default,
    )


def _turbomind_architectures(release: Release) -> frozenset[str]:
    """Return the language models that TurboMind runs inside InternVL (turbomind/supported_models.py).

    It never had Phi-3 (InternVL2-4B), and until 0.6.3 no head dimension but 128, which Qwen2-0.5B (1B) has not.
    """
    architectures = {"InternLM2ForCausalLM", "LlamaForCausalLM"}
    if release >= (0, 6, 3):
        architectures |= {"Qwen2ForCausalLM"}
    if release >= (0, 10):  # 3886
        architectures |= {"Qwen3ForCausalLM", "Qwen3MoeForCausalLM", "GptOssForCausalLM"}
    return frozenset(architectures)


def _pytorch_repeats_kv_heads(release: Release) -> frozenset[str]:
    """Return the language models whose KV heads the PyTorch backend repeats (pytorch/models): never Phi-3's."""
    if release < (0, 7, 3):
        return frozenset()
    architectures = {"InternLM2ForCausalLM", "LlamaForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM"}
    if release >= (0, 9, 2):
        architectures |= {"Qwen3MoeForCausalLM"}
    if release >= (0, 10):
        architectures |= {"GptOssForCausalLM"}
    return frozenset(architectures)


def _metrics_backends(release: Release, flags: Mapping[str, Flag]) -> tuple[Backend, ...]:
    """Return the backends that fill ``/metrics``: from 0.11 on all (4108), before by its flag."""
    if release >= (0, 11):
        return tuple(Backend)
    enable = flags.get("--enable-metrics")
    return tuple(backend for backend in Backend if enable and enable.reaches(backend))


def _waiting_requests_metrics(release: Release) -> tuple[str, ...]:
    """Return the gauges of waiting requests (metrics/loggers.py), from 0.12 on also those in the server."""
    if release >= (0, 12):
        return ("lmdeploy:num_requests_waiting", "lmdeploy:num_api_requests_waiting")
    return ("lmdeploy:num_requests_waiting",)


def _release(version: str) -> Release:
    """Return the numbers of a version, as many as it has."""
    return tuple(int(number) for number in re.findall(r"\d+", version))


def _closest(version: str) -> str:
    """Return the supported version of the same minor release, else the newest of the older ones."""
    minor = (_release(version) or _release(DEFAULT_VERSION))[:2]
    older = [supported for supported in SUPPORTED_VERSIONS if _release(supported)[:2] <= minor]
    return older[-1] if older else SUPPORTED_VERSIONS[0]
