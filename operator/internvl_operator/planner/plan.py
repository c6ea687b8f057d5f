"""The plan: which configuration serves a request, with its numbers and its reason.

Where the spec leaves the choice, the plan is the first of these that exists: full precision on the fewest GPUs of one
node that hold the wanted sessions; AWQ on the fewest such GPUs; what holds most sessions, if it holds one. Of several
GPU products: the one of which it needs fewest, then the one with the least memory. See ``load/choice.py`` for a load.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from internvl_operator.catalog.engine_options import EngineOptions
from internvl_operator.catalog.engines import engine
from internvl_operator.catalog.models import MODELS, Backend, Model
from internvl_operator.planner.candidates import Candidate, candidates, choose
from internvl_operator.planner.explain import (
    Alternative,
    alternatives_to,
    dearer_by,
    reason_for,
)
from internvl_operator.planner.images import variant_named
from internvl_operator.planner.memory.estimate import MemoryEstimate
from internvl_operator.planner.memory.host_memory import expected_start_seconds
from internvl_operator.planner.nodes.inventory import Inventory
from internvl_operator.planner.nodes.pins import Term, with_code
from internvl_operator.planner.nodes.placement import gpu_tolerations
from internvl_operator.planner.outcome import Outcome
from internvl_operator.planner.remarks.plan_warnings import warnings_of
from internvl_operator.planner.request import PlanRequest
from internvl_operator.planner.speed.speed_estimate import Speed
from internvl_operator.planner.ways_out import ways_out_of

if TYPE_CHECKING:
    from internvl_operator.planner.load.choice import ChoiceForLoad

_BFLOAT16_CAPABILITY = (8, 0)
"""Oldest compute capability with bfloat16 (NVIDIA's CUDA programming guide, arithmetic throughput)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a replica is run; memory in MiB per GPU, lengths in tokens.

    The plan's document is made from these fields, in this order (``document.py``).

    Args:
        series: of the model; with its size, the entry of the model table.
        float16: whether the GPU lacks bfloat16, so that float16 is asked for.
        options: the engine's options as it gets them: none of them is None.
        notes: what the inventory could not read of the nodes.
        image_variant: suffix of the published image's tag; empty for the release's default.
        node_terms: requirements of node labels, one list per alternative, in addition to ``node_selector``.
        tolerations: of the taints of nodes with GPUs; none in plans of operators that did not write them down.
        cpu_millis: thousandths of a core to request where the nodes leave fewer than serve fast; None: those.
        speed: what one replica does (``load/speed_of_plan.py``). It is worked out anew each time and never stored, so
            that better constants restart nothing.

    Example:
        >>> from internvl_operator import plan
        >>> chosen = plan("8B", gpu="L4")
        >>> chosen.is_ok, chosen.gpus, chosen.options.session_len
        (True, 1, 8192)
    """

    outcome: Outcome
    reason: str
    series: str
    size: str
    awq: bool
    repository: str
    backend: Backend
    engine: str
    tp: int
    resource: str
    product: str
    gpu_memory_mib: int
    node_selector: Mapping[str, str]
    float16: bool
    options: EngineOptions
    memory: MemoryEstimate
    concurrent_sessions: int
    concurrent_image_requests: int
    expected_start_seconds: int
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    image_variant: str = ""
    node_terms: tuple[Term, ...] = ()
    tolerations: tuple[Mapping[str, str], ...] = ()
    cpu_millis: int | None = None
    speed: Speed | None = None

    @property
    def model(self) -> Model:
        """The entry of the model table."""
        return MODELS[self.series, self.size]

    @property
    def gpus(self) -> int:
        """GPUs of one replica: one per rank."""
        return self.tp

    @property
    def quantization(self) -> str:
        """``None`` or ``AWQ``."""
        return "AWQ" if self.awq else "None"

    @property
    def concurrent_requests(self) -> int:
        """Requests that fit at once: of one image and 512 tokens, or of a whole session where that is shorter."""
        return max(self.concurrent_sessions, self.concurrent_image_requests)

    @property
    def serves(self) -> bool:
        """Whether the server would answer, even if too slowly for the load."""
        return self.outcome in (Outcome.OK, Outcome.LOAD_NOT_CARRIED)

    @property
    def is_ok(self) -> bool:
        """Whether the plan can run."""
        return self.outcome is Outcome.OK


def make_plan(request: PlanRequest, inventory: Inventory, *, explains_options: bool = True) -> Plan:
    """Return the plan for a request, or, with an outcome other than ok, why there is none and the way out.

    Args:
        request: what is asked for.
        inventory: the GPUs that it may use.
        explains_options: whether the reason names a given option that makes the plan dearer, quantized or impossible.
    """
    considered = sorted(candidates(request, inventory), key=lambda candidate: candidate.cost)
    if choice := _choice_for_load(considered, request, inventory):
        return _plan(
            choice.candidate, request, choice.outcome, choice.reason, choice.alternatives, inventory.notes
        )
    chosen = choose(considered, request.wanted_sessions)
    reason = reason_for(chosen, considered, request)
    if chosen.outcome is Outcome.OK:
        alternatives = alternatives_to(chosen, considered, request)
    else:
        alternatives = ways_out_of(request, inventory)
        if alternatives:
            reason += "; " + " or ".join(alternative.reason for alternative in alternatives)
    if explains_options:
        reason += dearer_by(chosen, request, inventory)
    return _plan(chosen, request, chosen.outcome, reason, alternatives, inventory.notes)


def _choice_for_load(
    considered: Sequence[Candidate], request: PlanRequest, inventory: Inventory
) -> "ChoiceForLoad | None":
    if request.load is None or not request.load.is_demand:
        return None
    from internvl_operator.planner.load.choice import choice_for_load  # a load's cost, not every plan's

    return choice_for_load(considered, request, request.load, inventory)


def _plan(
    chosen: Candidate,
    request: PlanRequest,
    outcome: Outcome,
    reason: str,
    alternatives: tuple[Alternative, ...],
    notes: tuple[str, ...],
) -> Plan:
    model = request.model
    capability = chosen.pool.compute_capability
    float16 = capability is not None and capability < _BFLOAT16_CAPABILITY and not chosen.awq
    repository = model.awq_repository if chosen.awq and model.awq_repository else model.repository
    return Plan(
        outcome=outcome,
        reason=reason,
        series=model.series,
        size=model.size,
        awq=chosen.awq,
        repository=request.repository or repository,
        backend=chosen.backend,
        engine=request.engine,
        tp=chosen.tp,
        resource=chosen.pool.resource,
        product=chosen.pool.product,
        gpu_memory_mib=chosen.pool.memory_mib,
        node_selector=chosen.pool.node_selector,
        float16=float16,
        options=replace(request.options, cache_max_entry_count=chosen.memory.cache_max_entry_count),
        memory=chosen.memory,
        concurrent_sessions=chosen.sessions,
        concurrent_image_requests=chosen.image_requests,
        expected_start_seconds=expected_start_seconds(chosen.memory.weights_mib, chosen.backend),
        warnings=warnings_of(chosen, request, float16),
        notes=notes,
        alternatives=alternatives,
        image_variant=chosen.variant,
        node_terms=_node_terms(chosen, request),
        tolerations=gpu_tolerations(chosen.pool.resource),
        cpu_millis=chosen.cpu_millis,
    )


def _node_terms(chosen: Candidate, request: PlanRequest) -> tuple[Term, ...]:
    """Return the pool's terms; where its GPUs are not known, those without code for them are kept out too."""
    pool = chosen.pool
    if pool.product or request.has_own_image:
        return pool.node_terms
    variant = variant_named(engine(request.engine), chosen.variant)
    return with_code(pool.node_terms, variant, chosen.backend)
