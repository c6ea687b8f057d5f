"""What one request takes of each part of a replica, in seconds, and how many requests fit at once."""

from dataclasses import dataclass
from typing import Self

from internvl_operator.planner.speed.load import Load
from internvl_operator.planner.speed.replica import Replica
from internvl_operator.planner.speed.speed_constants import (
    AWQ_PREFILL_EFFICIENCY,
    AWQ_READING_GB,
    EVENT_LOOP_TOKENS_PER_SECOND,
    REDUCTION_MS,
    WIDE_VISION_EFFICIENCY,
    WIDE_VISION_HIDDEN_SIZE,
    SpeedConstants,
)
from internvl_operator.planner.speed.work import (
    context_bytes,
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
        preprocessing: of the one thread that makes tiles of images.
        vision: of the GPUs for the vision encoder.
        prefill: of the GPUs for the prompt.
        step: of the GPUs for one token of every request that is written, the requests' own part left out.
        context: what each request that is written adds to that.
        tokens: of the answer.
        room: requests whose answers can be written at once; at least 1.
        batch: as many as that where the KV cache has room for all that ``--max-batch-size`` allows.
    """

    preprocessing: float
    vision: float
    prefill: float
    step: float
    context: float
    tokens: int
    room: int
    batch: int

    @classmethod
    def of(cls, replica: Replica, load: Load, constants: SpeedConstants) -> Self:
        """Return the times of a request of this load on a replica."""
        language, tp, gpu = replica.language, replica.tp, replica.gpu
        peak = tp * gpu.teraflops * 1e12
        reading = gpu.memory_gb * 1e9 * constants.memory_efficiency
        reading_weights = min(reading, AWQ_READING_GB * 1e9) if replica.awq else reading
        is_wide = replica.vision.hidden_size >= WIDE_VISION_HIDDEN_SIZE
        vision_peak = peak * constants.vision_efficiency * (WIDE_VISION_EFFICIENCY if is_wide else 1)
        sending = gpu.link_gb * 1e9
        tiles = load.images * load.tiles
        prefill_peak = peak * constants.prefill_efficiency * (AWQ_PREFILL_EFFICIENCY if replica.awq else 1)
        waits = reductions(language, tp) * REDUCTION_MS / 1e3
        sent = reduced_bytes(language, tp, load.input_tokens) / sending if tp > 1 else 0.0
        sent_per_token = reduced_bytes(language, tp, 1) / sending if tp > 1 else 0.0
        context = context_bytes(language, tp, replica.options, load.input_tokens + load.output_tokens / 2)
        return cls(
            preprocessing=load.images * (constants.image_ms + constants.tile_ms * load.tiles) / 1e3,
            vision=tiles * vision_flops(replica.vision, language) / vision_peak,
            prefill=prefill_flops(language, load.input_tokens) / prefill_peak
            + constants.prompt_ms / 1e3
            + waits
            + sent,
            step=step_bytes(language, awq=replica.awq, tp=tp) / reading_weights
            + constants.step_ms / 1e3
            + waits,
            context=context / reading + sent_per_token,
            tokens=load.output_tokens,
            room=max(1, min(replica.kv_tokens // load.tokens, replica.options.max_batch_size)),
            batch=replica.options.max_batch_size,
        )

    @property
    def decode(self) -> float:
        """GPU seconds for an answer where as many requests as there is room for are written together."""
        return self.decode_among(self.room)

    def decode_among(self, requests: int) -> float:
        """Return the GPU seconds for an answer that is written together with others."""
        return (self.tokens - 1) * (self.step / requests + self.context)

    @property
    def gpu(self) -> float:
        """GPU seconds of a request where there is most work."""
        return self.vision + self.prefill + self.decode

    @property
    def event_loop(self) -> float:
        """Seconds of the thread that streams the answer."""
        return self.tokens / EVENT_LOOP_TOKENS_PER_SECOND

    @property
    def ceiling(self) -> float:
        """Requests per second that the busiest part allows."""
        return 1 / max(self.preprocessing, self.gpu, self.event_loop)
