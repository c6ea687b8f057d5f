"""Every configuration that a request allows, each with its outcome and its memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from internvl_operator.catalog.engine import Engine
from internvl_operator.catalog.engine_options import TENSOR_PARALLELISM, EngineOptions
from internvl_operator.catalog.engines import engine, oldest_version
from internvl_operator.catalog.flags import check_extra_args, check_plain_flags
from internvl_operator.catalog.hardware.image_variants import dotted
from internvl_operator.catalog.models import IMAGE_TOKENS, Backend
from internvl_operator.planner.images import has_code, image_for
from internvl_operator.planner.memory.estimate import MemoryEstimate, MemoryRequest, estimate
from internvl_operator.planner.memory.host_needs import host_needs
from internvl_operator.planner.nodes.inventory import GpuPool, Inventory
from internvl_operator.planner.nodes.node_room import cpu_that_fits, why_no_room
from internvl_operator.planner.outcome import Outcome
from internvl_operator.planner.parallelism import check_parallelism
from internvl_operator.planner.repository import check_repository, is_awq
from internvl_operator.planner.request import PlanRequest

Cost = tuple[int, bool, int, bool, str]

IMAGE_REQUEST_TOKENS = IMAGE_TOKENS + 512
"""Tokens of a typical request: one image at the default number of tiles, and 512 tokens of text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One configuration on one pool.

    Args:
        refusal: why the engine, the GPU or its node rules it out; None when memory alone decides.
        memory: the memory of one GPU.
        variant: the suffix of the published image that it runs in; empty for the release's default.
        cpu_millis: thousandths of a core that it requests where the nodes leave less than it would like, else None.
    """

    pool: GpuPool
    awq: bool
    backend: Backend
    tp: int
    options: EngineOptions
    refusal: str | None
    memory: MemoryEstimate
    variant: str = ""
    cpu_millis: int | None = None

    @property
    def outcome(self) -> Outcome:
        """What would happen."""
        return Outcome.REJECTED if self.refusal else self.memory.outcome

    @property
    def sessions(self) -> int:
        """Full-length sessions that one replica holds at once."""
        return self._at_once(self.options.session_len)

    @property
    def image_requests(self) -> int:
        """Requests with one image and 512 tokens that one replica holds at once."""
        return self._at_once(IMAGE_REQUEST_TOKENS)

    @property
    def cost(self) -> Cost:
        """Orders configurations: fewest GPUs, then those that can be pinned, the smallest card, no AWQ."""
        pool = self.pool
        return (self.tp, not pool.is_pinned, pool.memory_mib, self.awq, pool.product)

    @property
    def quantization(self) -> str:
        """``None`` or ``AWQ``."""
        return "AWQ" if self.awq else "None"

    def _at_once(self, tokens: int) -> int:
        if self.outcome is not Outcome.OK:
            return 0
        return min(self.memory.kv_tokens // tokens, self.options.max_batch_size)


def candidates(request: PlanRequest, inventory: Inventory) -> Iterator[Candidate]:
    """Yield every configuration that the given values leave open, in no particular order."""
    release = engine(request.engine)
    for pool in inventory.pools:
        for awq in _quantizations(request):
            for tp in _parallelism(request, pool):
                yield evaluate(request, release, pool, awq, tp)


def evaluate(request: PlanRequest, release: Engine, pool: GpuPool, awq: bool, tp: int) -> Candidate:
    """Return what one configuration would do."""
    model = request.model
    backend = request.backend or _preferred_backend(request, release, pool)
    image = image_for(request, release, pool, backend)
    memory = estimate(
        MemoryRequest(
            language=model.language,
            vision=model.vision,
            awq=awq,
            backend=backend,
            tp=tp,
            gpu_memory_mib=pool.memory_mib,
            options=request.options,
            max_prefill_token_num=release.default_max_prefill_token_num,
            native_vision=release.native_vision,
            truncates_session=release.truncates_session,
            replicates_vocabulary=release.replicates_vocabulary,
        )
    )
    needs = host_needs(request, backend, tp, memory.weights_mib)
    return Candidate(
        pool=pool,
        awq=awq,
        backend=backend,
        tp=tp,
        options=request.options,
        refusal=_refusal(request, release, pool, awq, backend, tp)
        or image.refusal
        or why_no_room(pool.rooms, tp, needs),
        memory=memory,
        variant=image.variant,
        cpu_millis=cpu_that_fits(pool.rooms, tp, needs),
    )


def _quantizations(request: PlanRequest) -> tuple[bool, ...]:
    if request.quantized is not None:
        return (request.quantized,)
    if request.repository is not None or request.has_own_files:
        # The operator cannot choose these weights. By custom the repository's name says whether they are AWQ.
        return (is_awq(request.repository or ""),)
    return (False, True) if request.model.awq_repository else (False,)


def _parallelism(request: PlanRequest, pool: GpuPool) -> tuple[int, ...]:
    if request.tp is not None:
        return (request.tp,)
    most = min(pool.count, request.gpu.max_count)
    return tuple(tp for tp in TENSOR_PARALLELISM if tp <= most) or (1,)


def _preferred_backend(request: PlanRequest, release: Engine, pool: GpuPool) -> Backend:
    """Return the first backend that has code for the GPUs, or the first of all where none has."""
    supported = release.backends_for(request.model.language.architecture)
    return next((each for each in supported if has_code(request, release, pool, each)), supported[0])


def _refusal(
    request: PlanRequest, release: Engine, pool: GpuPool, awq: bool, backend: Backend, tp: int
) -> str | None:
    return (
        _check_weights(request, release, awq)
        or check_parallelism(request.model.language, request.model.vision, awq, backend, tp, release)
        or _check_gpus(request, release, pool, awq, tp)
        or _check_options(request, release, backend)
    )


def _check_weights(request: PlanRequest, release: Engine, awq: bool) -> str | None:
    model = request.model
    if not release.serves(model.series):
        oldest = oldest_version(model.series)
        return f"LMDeploy {release.version} does not serve {model.series}: use engine {oldest} or later"
    if request.repository is not None:
        return check_repository(request.repository, model, awq)
    if awq and model.awq_repository is None and not request.has_own_files:
        return (
            f"there are no published AWQ weights of {model.name}: name a repository that has them in model.repository, "
            "or use full precision"
        )
    return None


def _check_gpus(request: PlanRequest, release: Engine, pool: GpuPool, awq: bool, tp: int) -> str | None:
    if tp > 1 and pool.is_mig:
        return f"tp {tp}: MIG slices cannot work together on one model"
    most = request.gpu.max_count
    if tp > most:
        allowed = "1 GPU that gpu.maxCount allows" if most == 1 else f"{most} GPUs that gpu.maxCount allows"
        return f"tp {tp} is more than the {allowed}"
    if tp > pool.count:
        return f"tp {tp} is more than the {pool.count} GPU{'s' if pool.count > 1 else ''} of one node"
    least = release.awq_capability
    if awq and pool.compute_capability is not None and pool.compute_capability < least:
        return (
            f"{pool.product}: AWQ needs compute capability {dotted(least)} in LMDeploy {release.version}, "
            f"this GPU has {dotted(pool.compute_capability)}"
        )
    return None


def _check_options(request: PlanRequest, release: Engine, backend: Backend) -> str | None:
    if _quantizes_kv_in_vain(request, backend):
        width = request.model.language.head_dim
        return f"quantPolicy must be 0: TurboMind has no quantized KV cache for heads of width {width}"
    problems = (
        *check_plain_flags(release, backend, request.plain_args),
        *check_extra_args(release, backend, request.extra_args),
    )
    return " ".join(problems).removesuffix(".") or None


def _quantizes_kv_in_vain(request: PlanRequest, backend: Backend) -> bool:
    language = request.model.language
    quantizes = request.options.quant_policy != 0
    return quantizes and backend is Backend.TURBOMIND and not language.has_quantized_kv_on_turbomind


def choose(considered: Sequence[Candidate], wanted_sessions: int) -> Candidate:
    """Return the best of some configurations, which are ordered by cost."""
    possible = [candidate for candidate in considered if candidate.outcome is Outcome.OK]
    for awq in (False, True):
        for candidate in possible:
            if candidate.awq is awq and candidate.sessions >= wanted_sessions:
                return candidate
    if possible:
        return max(possible, key=lambda candidate: candidate.sessions)
    return max(considered, key=_how_near)


def _how_near(candidate: Candidate) -> tuple[int, int]:
    """Return the order of configurations that fail: the nearer to running, the larger."""
    order = (Outcome.REJECTED, Outcome.OOM, Outcome.NO_KV_FOR_SESSION, Outcome.SESSION_EXCEEDS_KV)
    missing = 0 if candidate.refusal else candidate.memory.shortfall_mib
    return (order.index(candidate.outcome), -missing)
