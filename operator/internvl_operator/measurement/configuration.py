"""Configurations to measure, and the resources that run them."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from internvl_operator.api.v1alpha1 import API_VERSION, KIND
from internvl_operator.catalog.models import INTERNVL2, MODELS, Model

MEASUREMENT_LABEL = "internvl.dev/measurement"
"""Marks the resources that a measurement makes, with its name: it deletes these alone."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """One configuration.

    Args:
        tp: GPUs of one replica.
        awq: whether the weights are AWQ.
        ratio: share of the memory free after the weights that the KV cache takes; None: as the plan derives it.
        series: of the model, with its size.
    """

    size: str
    tp: int
    awq: bool
    ratio: float | None
    series: str = INTERNVL2

    @property
    def model(self) -> Model:
        """The entry of the model table."""
        return MODELS[self.series, self.size]

    @property
    def name(self) -> str:
        """Name of its resource."""
        weights = "-awq" if self.awq else ""
        ratio = "" if self.ratio is None else f"-r{round(1000 * self.ratio):03}"
        return f"memory-{self.model.short_name.lower().replace('.', '-')}{weights}-tp{self.tp}{ratio}"

    def __str__(self) -> str:
        ratio = "" if self.ratio is None else f" at {self.ratio:g}"
        return f"{self.model.short_name}{' AWQ' if self.awq else ''} on {self.tp} GPU{'s' * (self.tp > 1)}{ratio}"


def configurations(
    models: Sequence[Model], tps: Sequence[int], weights: Sequence[bool], ratios: Sequence[float]
) -> Iterator[Configuration]:
    """Yield every combination that has weights; the ratios of one configuration follow each other."""
    for model in models:
        for awq in weights:
            if awq and model.awq_repository is None:
                continue
            for tp in tps:
                for ratio in ratios:
                    yield Configuration(model.size, tp, awq, ratio, model.series)


def manifest(
    configuration: Configuration, base: Mapping[str, Any], namespace: str, campaign: str
) -> dict[str, Any]:
    """Return the resource that runs a configuration.

    Args:
        configuration: that is to run.
        base: a resource whose spec says all else: the source of the model, the GPUs, the pods.
        namespace: where it is to run.
        campaign: the name of the measurement.
    """
    spec = deepcopy(dict(base.get("spec", {})))
    spec |= {
        "size": configuration.size,
        "quantization": "AWQ" if configuration.awq else "None",
        "replicas": 1,
    }
    if configuration.series != INTERNVL2:
        spec["series"] = configuration.series
    spec["engine"] = (spec.get("engine") or {}) | {"tp": configuration.tp}
    if configuration.ratio is not None:
        spec["engine"]["cacheMaxEntryCount"] = configuration.ratio
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": configuration.name,
            "namespace": namespace,
            "labels": {MEASUREMENT_LABEL: campaign},
        },
        "spec": spec,
    }
