"""Sentences about plans: why one was chosen, and why the others were not."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from internvl_operator.catalog.engine_options import DEFAULT_OPTIONS
from internvl_operator.catalog.engines import DEFAULT_VERSION
from internvl_operator.planner.candidates import Candidate, candidates, choose
from internvl_operator.planner.nodes.inventory import Inventory
from internvl_operator.planner.outcome import Outcome
from internvl_operator.planner.request import PlanRequest
from internvl_operator.text.spelling import to_kubernetes

MOST_ALTERNATIVES = 3


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another configuration, and why it was not taken or what it would take."""

    quantization: str
    tp: int
    gpus: str
    outcome: Outcome
    used_mib: int
    kv_tokens: int
    concurrent_sessions: int
    reason: str


def reason_for(chosen: Candidate, considered: Sequence[Candidate], request: PlanRequest) -> str:
    """Return why this configuration was chosen, or what goes wrong with it."""
    if chosen.outcome is not Outcome.OK:
        return problem_of(chosen)
    weights = "AWQ weights" if chosen.awq else "full precision"
    where = f"{weights} on {gpus(chosen)}"
    if request.tp is not None:
        return f"{where}: tp {request.tp} was given; {_holds(chosen)}"
    if chosen.sessions < request.wanted_sessions:
        return f"{where}: nothing holds {_sessions(request.wanted_sessions)}; this {_holds(chosen)}, the most"
    fewest = "the fewest GPUs that hold" if chosen.tp > 1 else "one GPU holds"
    reason = f"{where}: {fewest} {_sessions(request.wanted_sessions)} {_length(chosen)}"
    if chosen.awq and (others := [candidate for candidate in considered if not candidate.awq]):
        reason += "; full precision does not"
        same = next((each for each in others if (each.pool, each.tp) == (chosen.pool, chosen.tp)), None)
        if same is not None and same.refusal:
            reason += f": {same.refusal}"
    return reason


def dearer_by(chosen: Candidate, request: PlanRequest, inventory: Inventory) -> str:
    """Return what a given option costs: more GPUs, quantized weights, or any plan at all; empty where none does.

    Of several options the one without which the plan would be cheapest is named.
    """
    if _price(chosen) == (False, 1, False):
        return ""
    cheaper: list[tuple[tuple[bool, int, bool], str]] = []
    for option, relaxed in _without_options(request):
        considered = sorted(candidates(relaxed, inventory), key=lambda candidate: candidate.cost)
        other = choose(considered, relaxed.wanted_sessions)
        if other.outcome is Outcome.OK and _price(other) < _price(chosen):
            without = f"{gpus(other)} with {precision_of(other)} would do"
            cheaper.append((_price(other), f"; {option} is given: without it {without}"))
    return min(cheaper)[1] if cheaper else ""


def _price(candidate: Candidate) -> tuple[bool, int, bool]:
    """Return what orders plans by price: first whether there is none, then the GPUs, then quantized weights."""
    return (candidate.outcome is not Outcome.OK, candidate.tp, candidate.awq)


def _without_options(request: PlanRequest) -> list[tuple[str, PlanRequest]]:
    """Return each given option, as the spec names it, with the request that leaves it out."""
    given: list[tuple[str, PlanRequest]] = []
    for option in fields(request.options):
        value, default = (getattr(options, option.name) for options in (request.options, DEFAULT_OPTIONS))
        if value != default:
            name = f"engine.{to_kubernetes(option.name)} {value}"
            given.append((name, request.with_options(**{option.name: default})))
    if request.tp is not None:
        given.append((f"engine.tp {request.tp}", replace(request, tp=None)))
    if request.sessions is not None:
        given.append((f"engine.sessions {request.sessions}", replace(request, sessions=None)))
    if request.backend is not None:
        given.append((f"engine.backend {request.backend}", replace(request, backend=None)))
    if request.quantized is not None:
        weights = "AWQ" if request.quantized else "None"
        given.append((f"quantization {weights}", replace(request, quantized=None)))
    if request.engine != DEFAULT_VERSION:
        given.append((f"engine.version {request.engine}", replace(request, engine=DEFAULT_VERSION)))
    if request.extra_args:
        given.append((f"engine.extraArgs {' '.join(request.extra_args)}", replace(request, extra_args=())))
    return given


def problem_of(candidate: Candidate) -> str:
    """Return what goes wrong with a configuration, with its numbers."""
    memory = candidate.memory
    match candidate.outcome:
        case Outcome.REJECTED:
            return f"rejected: {candidate.refusal}"
        case Outcome.OOM:
            return (
                f"out of memory: {precision_of(candidate)} on {gpus(candidate)} needs "
                f"{candidate.pool.memory_mib + memory.shortfall_mib} MiB per GPU, {memory.shortfall_mib} MiB more "
                "than there are"
            )
        case Outcome.NO_KV_FOR_SESSION:
            return (
                f"the KV cache would hold {memory.kv_tokens} tokens on {gpus(candidate)}, too few for the engine's "
                "warm-up, which would hang with the port closed"
            )
        case Outcome.SESSION_EXCEEDS_KV if memory.kv_tokens >= memory.effective_session_len:
            return (
                f"the KV cache leaves too little free on {gpus(candidate)}: the first requests need "
                f"{memory.reserve_mib} MiB"
            )
        case Outcome.SESSION_EXCEEDS_KV:
            return (
                f"the KV cache would hold {memory.kv_tokens} tokens on {gpus(candidate)}, less than one session of "
                f"{candidate.options.session_len}"
            )
        case Outcome.OK | Outcome.LOAD_NOT_CARRIED:
            return _holds(candidate)


def alternatives_to(
    chosen: Candidate, considered: Sequence[Candidate], request: PlanRequest
) -> tuple[Alternative, ...]:
    """Return the cheapest other configurations, and why each was not taken."""
    others = [candidate for candidate in considered if candidate is not chosen and not candidate.refusal]
    return tuple(
        alternative_of(candidate, _why_not(candidate, chosen, request))
        for candidate in others[:MOST_ALTERNATIVES]
    )


def _why_not(candidate: Candidate, chosen: Candidate, request: PlanRequest) -> str:
    if candidate.outcome is not Outcome.OK:
        return problem_of(candidate)
    if candidate.sessions < min(request.wanted_sessions, chosen.sessions):
        return f"{_holds(candidate)}; {request.wanted_sessions} are asked for"
    if candidate.awq and not chosen.awq:
        return f"{_holds(candidate)}; full precision is preferred where it fits"
    return f"{_holds(candidate)}; costs more: {gpus(candidate)}"


def alternative_of(candidate: Candidate, reason: str) -> Alternative:
    """Return a configuration as another one than the chosen, with why it was not taken."""
    return Alternative(
        quantization=candidate.quantization,
        tp=candidate.tp,
        gpus=gpus(candidate),
        outcome=candidate.outcome,
        used_mib=candidate.memory.used_mib,
        kv_tokens=candidate.memory.kv_tokens,
        concurrent_sessions=candidate.sessions,
        reason=reason,
    )


def gpus(candidate: Candidate) -> str:
    """Return the GPUs of a configuration, as people say them."""
    if candidate.pool.product:
        return f"{candidate.tp} x {candidate.pool.product}"
    return f"{candidate.tp} GPU{'s' if candidate.tp > 1 else ''} of {candidate.pool.memory_mib} MiB"


def precision_of(candidate: Candidate) -> str:
    """Return the precision of a configuration's weights, as people say it."""
    return "AWQ" if candidate.awq else "full precision"


def _holds(candidate: Candidate) -> str:
    # A session that the engine has shortened to its KV cache fits once.
    return f"holds {_sessions(candidate.sessions or 1)} {_length(candidate)}"


def _sessions(count: int) -> str:
    return "1 session" if count == 1 else f"{count} sessions"


def _length(candidate: Candidate) -> str:
    shortened = candidate.memory.effective_session_len
    if shortened < candidate.options.session_len:
        return f"that the engine shortens from {candidate.options.session_len} to {shortened} tokens"
    return f"of {candidate.options.session_len} tokens"
