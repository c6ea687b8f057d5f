"""``status.plan`` of an InternVLDeployment: the plan, with the numbers that it follows from.

A test compares these models with the document that ``planner/document.py`` makes of a plan.
"""

from typing import Annotated, Literal

from pydantic import Field

from internvl_operator.api.base import ATOMIC, ApiModel

OutcomeName = Literal["ok", "oom", "no_kv_for_session", "session_exceeds_kv", "load_not_carried", "rejected"]


class Memory(ApiModel):
    """Memory of one GPU in MiB: weights + overhead + kvCache + working = used, and used + free = the GPU's total."""

    weights_mib: int
    """Weights held by one GPU."""
    overhead_mib: int
    """CUDA context, communication buffers and AWQ's workspace."""
    kv_cache_mib: int
    """KV cache."""
    working_mib: int
    """What the engine allocates after the KV cache while it starts."""
    used_mib: int
    """What nvidia-smi shows when the server is up."""
    free_mib: int
    """What is left of the GPU then."""
    free_after_weights_mib: int
    """What is free when the KV cache is sized."""
    reserve_mib: int
    """What must stay free after the KV cache for the first requests."""
    shortfall_mib: int
    """How much more memory the GPU would need; 0 when the plan is ok."""


class AlternativeStatus(ApiModel):
    """Another plan, and why it was not taken."""

    quantization: str
    """None or AWQ."""
    tp: int
    """Tensor parallelism, and so the number of GPUs."""
    gpus: str
    """Number and product of the GPUs."""
    outcome: OutcomeName
    """What would happen."""
    used_mib: int
    """Memory that one GPU would use, in MiB."""
    kv_tokens: int
    """Tokens that the KV cache would hold."""
    concurrent_sessions: int
    """Sessions of full length that would fit at once."""
    reason: str
    """Why it was not taken, or what it would take."""


class UtilizationStatus(ApiModel):
    """Parts of the limits that one replica uses at requestsPerSecond; vision, prefill and decode share the GPUs."""

    preprocessing: float
    """Of the thread that decodes images and cuts them into tiles."""
    vision: float
    """Of the GPUs, for the vision encoder."""
    prefill: float
    """Of the GPUs, for the prompts."""
    decode: float
    """Of the GPUs, for the answers."""
    kv_cache: float
    """Of the requests that fit at once."""
    event_loop: float
    """Of the thread that streams the answers."""


class SpeedStatus(ApiModel):
    """What one replica does under spec.load, or, without one, with 32 requests in flight of one image each."""

    images: int
    """Images of one request."""
    tiles: int
    """Tiles of one image."""
    prompt_tokens: int
    """Tokens of text of one request."""
    output_tokens: int
    """Tokens of one answer."""
    concurrency: int
    """Requests in flight at one replica."""
    requests_per_second: float
    """Requests per second of one replica at that concurrency."""
    output_tokens_per_second: float
    """Tokens per second of all its answers."""
    ttft_seconds: float
    """Seconds from a request to the first token."""
    seconds_per_token: float
    """Seconds from one token to the next."""
    request_seconds: float
    """Seconds from a request to its last token."""
    max_requests_per_second: float
    """What one replica never exceeds, however many requests are in flight."""
    limit: Literal["preprocessing", "vision", "prefill", "decode", "kvCache", "eventLoop"]
    """What makes that the most."""
    utilization: UtilizationStatus
    """Parts of the limits that one replica uses."""
    replicas: int
    """Replicas that carry spec.load; 0 where no number of them does."""
    calibrated: bool
    """Whether GPUs of this generation, this backend and this release were measured; else a roofline."""


class LabelRequirement(ApiModel):
    """A Kubernetes NodeSelectorRequirement."""

    key: str
    """Key of the label."""
    operator: str
    """In, NotIn, DoesNotExist, Gt or Lt."""
    values: list[str] | None = None
    """Values that the operator compares with."""


class TolerationStatus(ApiModel):
    """A Kubernetes Toleration."""

    key: str
    """Key of the taint."""
    operator: str
    """Exists."""


class PlanStatus(ApiModel):
    """What follows from the spec and the GPUs, with the reason."""

    outcome: OutcomeName
    """ok, or what would go wrong: oom, no_kv_for_session, session_exceeds_kv, load_not_carried, rejected."""
    reason: str
    """Why this plan."""
    series: str | None = None
    """Series of the model."""
    size: str
    """Size of the model."""
    quantization: str
    """None or AWQ."""
    repository: str
    """Repository of the weights."""
    backend: str
    """turbomind or pytorch."""
    engine: str
    """LMDeploy release."""
    tp: int
    """Tensor parallelism."""
    gpus: int
    """GPUs of one replica; always equal to tp."""
    resource: str
    """Extended resource that is requested."""
    product: str
    """GPU product; empty when only its memory is known."""
    gpu_memory_mib: int
    """Total memory of one GPU in MiB."""
    node_selector: Annotated[dict[str, str], Field(json_schema_extra=ATOMIC)]
    """Node labels that pin the GPU product."""
    dtype: str
    """auto, or float16 where the GPU has no bfloat16."""
    session_len: int
    """Longest session in tokens."""
    effective_session_len: int
    """Longest session that the KV cache holds, in tokens."""
    max_batch_size: int
    """Most requests computed at once."""
    quant_policy: int
    """Bits of the KV cache: 4, 8, or 0 for 16."""
    cache_max_entry_count: float
    """Share of the memory free after the weights that the KV cache takes."""
    memory: Memory
    """Memory of one GPU."""
    kv_tokens: int
    """Tokens that the KV cache of one replica holds."""
    kv_bytes_per_token: int
    """Bytes of one token in the KV cache of one GPU."""
    concurrent_sessions: int
    """Sessions of full length that fit at once."""
    concurrent_image_requests: int
    """Requests with one image and 512 tokens that fit at once."""
    expected_start_seconds: int
    """Expected seconds from the start of the container to the open port."""
    warnings: list[str] = []
    """What the engine needs or lacks beside its flags."""
    notes: list[str] = []
    """What could not be read of the nodes."""
    alternatives: list[AlternativeStatus] = []
    """At most three other plans with their numbers, the cheapest first."""
    image_variant: str | None = None
    """Suffix of the published image's tag; absent for the release's default."""
    node_terms: list[list[LabelRequirement]] | None = None
    """What else the nodes' labels must be: one list of requirements per alternative."""
    tolerations: list[TolerationStatus] | None = None
    """Taints of nodes with GPUs that the pods tolerate."""
    cpu_millis: int | None = None
    """Thousandths of a core that a replica requests where the nodes leave fewer than serve fastest."""
    speed: SpeedStatus | None = None
    """How fast one replica is; absent where the GPU's speed is not known."""
