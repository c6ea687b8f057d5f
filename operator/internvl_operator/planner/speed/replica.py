"""One replica, as far as its speed depends on it."""

from dataclasses import dataclass
from typing import Self

from internvl_operator.catalog.architecture import LanguageModel, VisionModel
from internvl_operator.catalog.engine_options import EngineOptions
from internvl_operator.catalog.gpus import UnknownGpuError, find_gpu
from internvl_operator.catalog.hardware.gpu_speeds import GpuSpeed, speed_of
from internvl_operator.catalog.models import Backend, Model
from internvl_operator.planner.speed.speed_constants import MEASURED, MEASURED_LANGUAGES, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One replica.

    Args:
        engine: the LMDeploy release.
        tp: GPUs, one for each rank.
        kv_tokens: tokens that the KV cache holds.
        gpu: the peak rates of one GPU.
        compute_capability: of the GPU; None for a slice of one.
    """

    language: LanguageModel
    vision: VisionModel
    backend: Backend
    engine: str
    awq: bool
    tp: int
    options: EngineOptions
    kv_tokens: int
    gpu: GpuSpeed
    compute_capability: tuple[int, int] | None

    @classmethod
    def on(
        cls,
        product: str,
        model: Model,
        *,
        backend: Backend,
        engine: str,
        awq: bool,
        tp: int,
        options: EngineOptions,
        kv_tokens: int,
    ) -> Self | None:
        """Return a replica of a model on GPUs of a product; None where nobody knows how fast these are."""
        gpu = speed_of(product)
        if gpu is None:
            return None
        try:
            capability = find_gpu(product).compute_capability
        except UnknownGpuError:
            capability = None
        return cls(
            language=model.language,
            vision=model.vision,
            backend=backend,
            engine=engine,
            awq=awq,
            tp=tp,
            options=options,
            kv_tokens=kv_tokens,
            gpu=gpu,
            compute_capability=capability,
        )

    @property
    def scope(self) -> Scope:
        """The kind of configuration that this is."""
        return Scope(
            self.backend, self.engine, self.compute_capability, self.awq, self.tp, self.vision.hidden_size
        )

    @property
    def is_measured(self) -> bool:
        """Whether the constants were fitted to configurations of this kind, of such a language model."""
        return self.scope in MEASURED and self.language.architecture in MEASURED_LANGUAGES
