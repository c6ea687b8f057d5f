"""What the operator knows of one LMDeploy release: its flags, its images and its behaviour."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from internvl_operator.catalog.engine_options import EngineOptions
from internvl_operator.catalog.hardware.image_variants import Capability, ImageVariant, Release
from internvl_operator.catalog.models import Backend, Model


class FlagGroup(StrEnum):
    """Which of LMDeploy's configurations a flag reaches."""

    SERVER = "server"
    ENGINE = "engine"
    PYTORCH = "pytorch"
    TURBOMIND = "turbomind"
    UNUSED = "unused"


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag of ``lmdeploy serve api_server``, as its argument parser declares it.

    Attributes:
        name: the flag with its two dashes.
        type: ``str``, ``int``, ``float``, ``json``, ``flag`` (takes no value) or ``custom``.
        group: the configuration that it reaches: the server's, that of both backends or of one, or none.
        nargs: ``+`` or ``*`` for a list of values, None for one value.
        choices: the only values accepted; empty when any is.
        default: the parser's default.
    """

    name: str
    type: str
    group: FlagGroup
    nargs: str | None = None
    choices: tuple[str | int, ...] = ()
    default: str | int | float | tuple[str, ...] | None = None

    def reaches(self, backend: Backend) -> bool:
        """Return whether a server on ``backend`` reads the flag; LMDeploy ignores the others without a word."""
        return self.group in (FlagGroup.SERVER, FlagGroup.ENGINE, backend)


@dataclass(frozen=True, slots=True, eq=False)
class Caveat:
    """A known fault or need of some releases, which the plan reports as a warning.

    Attributes:
        message: a sentence with a way out.
        applies: whether it concerns a model, backend, tp and options.
        since: the first release with it.
        before: the first release without it again.
    """

    message: str
    applies: Callable[[Model, Backend, int, EngineOptions], bool]
    since: Release = ()
    before: Release = (sys.maxsize,)


@dataclass(frozen=True, slots=True, eq=False)
class Engine:
    """One LMDeploy release; there is one object of each, so identity is equality.

    Attributes:
        version: the release.
        variants: the published images, the default first.
        awq_capability: the oldest compute capability of TurboMind's AWQ kernels.
        flags: the flags of ``lmdeploy serve api_server`` by name.
        accepts_underscores: ``--session_len`` is read as ``--session-len``.
        max_batch_sizes: default of ``--max-batch-size`` by a part of the GPU's lower-case name.
        default_max_prefill_token_num: tokens of one prefill step without ``--max-prefill-token-num``.
        series: the series of models that it serves.
        turbomind_architectures: the language models that TurboMind runs inside InternVL.
        health_is_real: ``/health`` answers for the engine; before, it is 200 as long as the server runs.
        requires_trust_remote_code: the model's own code is loaded only with ``--trust-remote-code``.
        truncates_session: a session is shortened to what the KV cache holds; later releases do not, and
            requests beyond it fail.
        native_vision: TurboMind runs the vision encoder and shards it; before, Transformers ran it.
        pins_vision_memory: TurboMind's vision encoder pins host memory for each rank.
        replicates_vocabulary: TurboMind holds all token embeddings and logits' weights on every rank.
        kv_heads_may_repeat: TurboMind repeats KV heads where the ranks outnumber them.
        pytorch_repeats_kv_heads: the language models for which the PyTorch backend does so too.
        metrics_backends: the backends that fill ``/metrics``.
        metrics_flag: the flag that turns ``/metrics`` on; None where it is on already or does not exist.
        metrics_require_key: ``/metrics`` asks for a key when ``--api-keys`` is given.
        waiting_requests_metrics: the gauges whose sum is the number of waiting requests.
        caveats: the release's known faults and needs.
        goes_by_directory: the conversation's template follows from the name of the model's directory, unless
            ``--chat-template`` says which; later releases read it from the tokenizer.
        chat_template_is_json: ``--chat-template`` takes a JSON text in place of the template's name.
    """

    version: str
    variants: tuple[ImageVariant, ...]
    awq_capability: Capability
    flags: Mapping[str, Flag]
    accepts_underscores: bool
    max_batch_sizes: Mapping[str, int]
    default_max_prefill_token_num: int
    series: frozenset[str]
    turbomind_architectures: frozenset[str]
    health_is_real: bool
    requires_trust_remote_code: bool
    truncates_session: bool
    native_vision: bool
    pins_vision_memory: bool
    replicates_vocabulary: bool
    kv_heads_may_repeat: bool
    pytorch_repeats_kv_heads: frozenset[str]
    metrics_backends: tuple[Backend, ...]
    metrics_flag: str | None
    metrics_require_key: bool
    waiting_requests_metrics: tuple[str, ...]
    caveats: tuple[Caveat, ...]
    goes_by_directory: bool
    chat_template_is_json: bool

    @property
    def image(self) -> str:
        """The image to run unless another is asked for."""
        return self.image_of("")

    @property
    def images(self) -> tuple[str, ...]:
        """The published images, the default first."""
        return tuple(self.image_of(variant.name) for variant in self.variants)

    def image_of(self, variant: str) -> str:
        """Return the published image of a variant, or of the default one for an empty name."""
        return f"openmmlab/lmdeploy:v{self.version}-{variant or self.variants[0].name}"

    def supports(self, flag: str) -> bool:
        """Return whether ``lmdeploy serve api_server`` has the flag, given with its two dashes."""
        return flag in self.flags

    def serves(self, series: str) -> bool:
        """Return whether the release serves a series of models."""
        return series in self.series

    def backends_for(self, architecture: str) -> tuple[Backend, ...]:
        """Return the backends that run InternVL on this language model, the preferred one first."""
        if architecture in self.turbomind_architectures:
            return (Backend.TURBOMIND, Backend.PYTORCH)
        return (Backend.PYTORCH,)

    def repeats_kv_heads(self, architecture: str, backend: Backend) -> bool:
        """Return whether ranks may outnumber the KV heads of this language model, which are then repeated."""
        if backend is Backend.PYTORCH:
            return architecture in self.pytorch_repeats_kv_heads
        return self.kv_heads_may_repeat

    def chat_template_for(self, model: Model) -> str | None:
        """Return what ``--chat-template`` must say for a model, None where it needs no saying."""
        if not self.goes_by_directory:
            return None
        return (
            json.dumps({"model_name": model.chat_template})
            if self.chat_template_is_json
            else model.chat_template
        )

    def default_max_batch_size(self, product: str) -> int:
        """Return the batch size that the engine takes on a GPU when ``--max-batch-size`` is not given.

        Args:
            product: the GPU's product name. The engine looks for the same parts in the CUDA device's name
                (lmdeploy: ``utils.py``, ``get_max_batch_size``).
        """
        name = product.lower()
        return next((size for part, size in self.max_batch_sizes.items() if part in name), 128)

    def warnings_for(
        self, model: Model, backend: Backend, tp: int, options: EngineOptions
    ) -> tuple[str, ...]:
        """Return the caveats of the release that concern a model so configured, a sentence each."""
        return tuple(caveat.message for caveat in self.caveats if caveat.applies(model, backend, tp, options))
