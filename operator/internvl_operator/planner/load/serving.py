"""A configuration that serves, with how fast it is under the load."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from internvl_operator.planner.candidates import Candidate, Cost
from internvl_operator.planner.outcome import Outcome
from internvl_operator.planner.request import PlanRequest
from internvl_operator.planner.speed.load import Load
from internvl_operator.planner.speed.replica import Replica
from internvl_operator.planner.speed.speed_estimate import Speed, estimate_speed, least_ttft


@dataclass(frozen=True, slots=True)
class Serving:
    """A configuration that serves.

    Args:
        replica: one replica of it; None where nobody knows how fast the GPU is.
        speed: None for the same reason, and where one request of the load is longer than a session.
        alone_seconds: to the first token of a request that is alone; None where ``speed`` is.
    """

    candidate: Candidate
    replica: Replica | None
    speed: Speed | None
    alone_seconds: float | None

    @property
    def carries(self) -> bool:
        """Whether some number of replicas carries the load."""
        return self.speed is not None and self.speed.replicas > 0

    @property
    def gpus(self) -> int:
        """GPUs of all replicas that carry the load together; 0 where none do."""
        return self.candidate.tp * (self.speed.replicas if self.speed else 0)

    @property
    def cost(self) -> tuple[int, int, bool, Cost]:
        """Orders configurations that carry the load: fewest GPUs in all, then per replica, then full precision."""
        return (self.gpus, self.candidate.tp, self.candidate.awq, self.candidate.cost)


def serving(considered: Iterable[Candidate], request: PlanRequest, load: Load) -> Iterator[Serving]:
    """Yield the configurations that serve and hold the sessions that were asked for by number.

    Where none holds them, as without a load, all that serve: the plan warns of the sessions, and the load still holds.
    """
    able = [candidate for candidate in considered if candidate.outcome is Outcome.OK]
    holding = [candidate for candidate in able if candidate.sessions >= (request.sessions or 0)]
    for candidate in holding or able:
        replica = Replica.on(
            candidate.pool.product,
            request.model,
            backend=candidate.backend,
            engine=request.engine,
            awq=candidate.awq,
            tp=candidate.tp,
            options=candidate.options,
            kv_tokens=candidate.memory.kv_tokens,
        )
        if replica is None or load.tokens > candidate.memory.effective_session_len:
            yield Serving(candidate, replica, None, None)
        else:
            yield Serving(candidate, replica, estimate_speed(replica, load), least_ttft(replica, load))
