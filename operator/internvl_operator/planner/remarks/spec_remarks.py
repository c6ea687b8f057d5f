"""What of a spec has no effect, another effect than one expects, or costs memory that the plan does not count."""

from collections.abc import Iterator
from dataclasses import replace

from internvl_operator.catalog.models import IMAGE_TOKENS
from internvl_operator.planner.plan import Plan
from internvl_operator.planner.request import PlanRequest

_HUB = "the container that downloads the model does not read it; use model.source.huggingFace."
_GPUS = "the GPUs of a pod follow from the plan; use spec.gpu and engine.tp"
_FIELDS = {
    "HF_ENDPOINT": f"{_HUB}endpoint",
    "HF_TOKEN": f"{_HUB}tokenSecretRef",
    "HUGGING_FACE_HUB_TOKEN": f"{_HUB}tokenSecretRef",
    "HUGGINGFACE_HUB_TOKEN": f"{_HUB}tokenSecretRef",
    "LMDEPLOY_USE_MODELSCOPE": "the server loads files that are there already; use model.source",
    "CUDA_VISIBLE_DEVICES": _GPUS,
    "NVIDIA_VISIBLE_DEVICES": _GPUS,
    "SSL_KEYFILE": "use server.tlsSecretRef",
    "SSL_CERTFILE": "use server.tlsSecretRef",
}
"""Variables that have a field of their own, and what to write instead."""

_TAKE_MEMORY = (
    "--adapters",
    "--num-gpu-blocks",
    "--speculative-algorithm",
    "--speculative-draft-model",
    "--vision-max-batch-size",
)
"""Flags by which the server takes more GPU memory than the plan counts."""


def with_spec_remarks(plan: Plan, request: PlanRequest) -> Plan:
    """Return a plan that also warns of what the spec says in vain, or at a price."""
    remarks = (
        *_variables(request),
        *_memory(request),
        *_sessions(plan, request),
        *_session_len(request),
        *_replicas(request),
        *_wakes(request),
    )
    new = tuple(remark for remark in remarks if remark not in plan.warnings)
    return replace(plan, warnings=(*new, *plan.warnings)) if new else plan


def _variables(request: PlanRequest) -> Iterator[str]:
    for name in request.variables:
        if name in _FIELDS:
            yield f"engine.env {name} has no effect, or the wrong one: {_FIELDS[name]}."


def _memory(request: PlanRequest) -> Iterator[str]:
    given = {argument.split("=")[0].replace("_", "-") for argument in request.extra_args}
    for flag in _TAKE_MEMORY:
        if flag in given:
            yield f"engine.extraArgs {flag} takes GPU memory that the plan does not count: leave more of it free."


def _sessions(plan: Plan, request: PlanRequest) -> Iterator[str]:
    asked = request.sessions
    if asked is None or not plan.is_ok or plan.concurrent_sessions >= asked:
        return
    capped = plan.concurrent_sessions == plan.options.max_batch_size
    why = f": engine.maxBatchSize {plan.options.max_batch_size} is the most" if capped else ""
    yield f"engine.sessions asks for {asked}, and the plan holds {plan.concurrent_sessions}{why}."


def _session_len(request: PlanRequest) -> Iterator[str]:
    if request.options.session_len < IMAGE_TOKENS:
        yield (
            f"engine.sessionLen {request.options.session_len} is less than the {IMAGE_TOKENS} tokens that one image "
            "may take: requests with large images are refused."
        )


def _replicas(request: PlanRequest) -> Iterator[str]:
    least = request.least_replicas
    if least is not None and request.replicas is not None and request.replicas < least:
        yield (
            f"spec.replicas is {request.replicas}, and autoscaling.minReplicas {least}: where a file holds replicas, "
            "each apply of it stops replicas that serve; leave spec.replicas out."
        )


def _wakes(request: PlanRequest) -> Iterator[str]:
    if request.least_replicas == 0 and not request.keeps_files:
        yield (
            "autoscaling.minReplicas is 0, and each wake downloads the model again: keep it with model.cache, or serve "
            "it from a claim or an image."
        )
