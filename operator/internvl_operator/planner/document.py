"""The plan as a JSON document: one form for ``internvl plan -o json``, ``status.plan`` and the stored plan."""

from typing import Any

from internvl_operator.catalog.models import Backend
from internvl_operator.planner.explain import Alternative
from internvl_operator.planner.memory.estimate import MemoryEstimate
from internvl_operator.planner.outcome import Outcome
from internvl_operator.planner.plan import Plan

Document = dict[str, Any]


def plan_document(plan: Plan) -> Document:
    """Return a plan as JSON, in camelCase, memory in MiB per GPU."""
    memory = plan.memory
    return {
        "outcome": plan.outcome.value,
        "reason": plan.reason,
        "size": plan.size,
        "quantization": plan.quantization,
        "repository": plan.repository,
        "backend": plan.backend.value,
        "engine": plan.engine,
        "tp": plan.tp,
        "gpus": plan.gpus,
        "resource": plan.resource,
        "product": plan.product,
        "gpuMemoryMiB": plan.gpu_memory_mib,
        "nodeSelector": dict(plan.node_selector),
        "dtype": "float16" if plan.float16 else "auto",
        "sessionLen": plan.session_len,
        "effectiveSessionLen": memory.effective_session_len,
        "maxBatchSize": plan.max_batch_size,
        "quantPolicy": plan.quant_policy,
        "cacheMaxEntryCount": memory.cache_max_entry_count,
        "memory": {
            "weightsMiB": memory.weights_mib,
            "overheadMiB": memory.overhead_mib,
            "kvCacheMiB": memory.kv_cache_mib,
            "workingMiB": memory.working_mib,
            "usedMiB": memory.used_mib,
            "freeMiB": memory.free_mib,
            "freeAfterWeightsMiB": memory.free_after_weights_mib,
            "reserveMiB": memory.reserve_mib,
            "shortfallMiB": memory.shortfall_mib,
        },
        "kvTokens": memory.kv_tokens,
        "kvBytesPerToken": memory.kv_bytes_per_token,
        "concurrentSessions": plan.concurrent_sessions,
        "concurrentImageRequests": plan.concurrent_image_requests,
        "expectedStartSeconds": plan.expected_start_seconds,
        "warnings": list(plan.warnings),
        "notes": list(plan.notes),
        "alternatives": [_alternative_document(alternative) for alternative in plan.alternatives],
    }


def plan_from_document(document: Document) -> Plan:
    """Return the plan that a document was made from.

    Raises:
        KeyError: the document lacks a field.
        ValueError: a field is not what it should be.
    """
    memory = document["memory"]
    return Plan(
        outcome=Outcome(document["outcome"]),
        reason=document["reason"],
        size=document["size"],
        awq=document["quantization"] == "AWQ",
        repository=document["repository"],
        backend=Backend(document["backend"]),
        engine=document["engine"],
        tp=document["tp"],
        resource=document["resource"],
        product=document["product"],
        gpu_memory_mib=document["gpuMemoryMiB"],
        node_selector=document["nodeSelector"],
        float16=document["dtype"] == "float16",
        session_len=document["sessionLen"],
        max_batch_size=document["maxBatchSize"],
        quant_policy=document["quantPolicy"],
        memory=MemoryEstimate(
            outcome=Outcome(document["outcome"]),
            cache_max_entry_count=document["cacheMaxEntryCount"],
            weights_mib=memory["weightsMiB"],
            overhead_mib=memory["overheadMiB"],
            kv_cache_mib=memory["kvCacheMiB"],
            working_mib=memory["workingMiB"],
            used_mib=memory["usedMiB"],
            free_mib=memory["freeMiB"],
            free_after_weights_mib=memory["freeAfterWeightsMiB"],
            reserve_mib=memory["reserveMiB"],
            shortfall_mib=memory["shortfallMiB"],
            kv_tokens=document["kvTokens"],
            kv_bytes_per_token=document["kvBytesPerToken"],
            effective_session_len=document["effectiveSessionLen"],
        ),
        concurrent_sessions=document["concurrentSessions"],
        concurrent_image_requests=document["concurrentImageRequests"],
        expected_start_seconds=document["expectedStartSeconds"],
        warnings=tuple(document["warnings"]),
        notes=tuple(document["notes"]),
        alternatives=tuple(_alternative(item) for item in document["alternatives"]),
    )


def _alternative_document(alternative: Alternative) -> Document:
    return {
        "quantization": alternative.quantization,
        "tp": alternative.tp,
        "gpus": alternative.gpus,
        "outcome": alternative.outcome.value,
        "usedMiB": alternative.used_mib,
        "kvTokens": alternative.kv_tokens,
        "concurrentSessions": alternative.concurrent_sessions,
        "reason": alternative.reason,
    }


def _alternative(document: Document) -> Alternative:
    return Alternative(
        quantization=document["quantization"],
        tp=document["tp"],
        gpus=document["gpus"],
        outcome=Outcome(document["outcome"]),
        used_mib=document["usedMiB"],
        kv_tokens=document["kvTokens"],
        concurrent_sessions=document["concurrentSessions"],
        reason=document["reason"],
    )
