"""What one request takes of each part of a replica, in seconds, and how many requests fit at once."""

import math
from dataclasses import dataclass
from typing import Self

from internvl_operator.planner.speed.load import Load
from internvl_operator.planner.speed.replica import Replica
from internvl_operator.planner.speed.speed_constants import (
    EVENT_LOOP_TOKENS_PER_SECOND,
    REDUCTION_MS,
    WIDE_VISION_HIDDEN_SIZE,
    SpeedConstants,
)
from internvl_operator.planner.speed.work import (
    chosen_experts,
    context_bytes,
    expert_bytes,
    prefill_flops,
    reduced_bytes,
    reductions,
    step_bytes,
    vision_flops,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTimes:
    """What one request takes of a replica; times in seconds.

    Args:
        request: of what delays a request and takes no part's capacity.
        preprocessing: of the one thread that makes tiles of images.
        vision: of the GPUs for the vision encoder.
        prefill: of the GPUs for the prompt.
        step: of the GPUs for one token of every request that is written, the requests' own part and the experts left
            out.
        experts: to read all experts; 0 without experts.
        chosen: part of the experts that one token is sent to.
        launches: of the host for a step with experts: no step is shorter.
        context: what each request that is written adds to that.
        turns: of a request in the event loop, before its first token.
        tokens: of the answer.
        room: requests whose answers can be written at once; at least 1.
        batch: as many as that where the KV cache has room for all that ``--max-batch-size`` allows.
    """

    request: float
    preprocessing: float
    vision: float
    prefill: float
    step: float
    experts: float
    chosen: float
    launches: float
    context: float
    turns: float
    tokens: int
    room: int
    batch: int

    @classmethod
    def of(cls, replica: Replica, load: Load, constants: SpeedConstants) -> Self:
        """Return the times of a request of this load on a replica."""
        language, tp, gpu = replica.language, replica.tp, replica.gpu
        peak = tp * gpu.teraflops * 1e12
        reading = gpu.memory_gb * 1e9 * constants.memory_efficiency
        reading_weights = min(reading, constants.awq_reading_gb * 1e9) if replica.awq else reading
        is_wide = replica.vision.hidden_size >= WIDE_VISION_HIDDEN_SIZE
        vision_peak = peak * (constants.wide_vision_efficiency if is_wide else constants.vision_efficiency)
        sending = gpu.link_gb * 1e9
        tiles = load.images * load.tiles
        prefill_peak = peak * (
            constants.awq_prefill_efficiency if replica.awq else constants.prefill_efficiency
        )
        of_experts = expert_bytes(language, awq=replica.awq, tp=tp)
        waits = reductions(language, tp) * REDUCTION_MS / 1e3
        sent = reduced_bytes(language, tp, load.input_tokens) / sending if tp > 1 else 0.0
        sent_per_token = reduced_bytes(language, tp, 1) / sending if tp > 1 else 0.0
        context = context_bytes(language, tp, replica.options, load.input_tokens + load.output_tokens / 2)
        return cls(
            request=constants.request_ms / 1e3,
            preprocessing=load.images * (constants.image_ms + constants.tile_ms * load.tiles) / 1e3,
            vision=tiles * vision_flops(replica.vision, language) / vision_peak,
            prefill=prefill_flops(language, load.input_tokens) / prefill_peak
            + constants.prompt_ms / 1e3
            + waits
            + sent,
            step=(step_bytes(language, awq=replica.awq, tp=tp) - of_experts) / reading_weights
            + constants.step_ms / 1e3
            + waits,
            experts=of_experts / reading_weights,
            chosen=chosen_experts(language),
            launches=constants.expert_layer_ms / 1e3 * language.num_hidden_layers if of_experts else 0.0,
            context=context / reading + sent_per_token,
            turns=constants.loop_turns if load.images else 0.0,
            tokens=load.output_tokens,
            room=max(1, min(replica.kv_tokens // load.tokens, replica.options.max_batch_size)),
            batch=replica.options.max_batch_size,
        )

    @property
    def prompt(self) -> float:
        """GPU seconds before the first token: images and prompt are computed in one iteration."""
        return self.vision + self.prefill

    def step_among(self, requests: float) -> float:
        """Return the GPU seconds for one token of each of so many requests, their contexts left out.

        Each token chooses its experts: of E experts, n tokens that choose k each leave E (1 - k/E)^n unread, if they
        choose independently of each other.
        """
        if not self.experts:
            return self.step
        read = 1 - math.pow(1 - self.chosen, requests)
        return max(self.launches, self.step + self.experts * read)

    @property
    def decode(self) -> float:
        """GPU seconds for an answer where as many requests as there is room for are written together."""
        return self.decode_among(self.room)

    def decode_among(self, requests: int) -> float:
        """Return the GPU seconds for an answer that is written together with others."""
        return (self.tokens - 1) * (self.step_among(requests) / requests + self.context)

    @property
    def gpu(self) -> float:
        """GPU seconds of a request where there is most work."""
        return self.prompt + self.decode

    @property
    def event_loop(self) -> float:
        """Seconds of the thread that streams the answer."""
        return self.tokens / EVENT_LOOP_TOKENS_PER_SECOND

    @property
    def ceiling(self) -> float:
        """Requests per second that the busiest part allows."""
        return 1 / max(self.preprocessing, self.gpu, self.event_loop)
