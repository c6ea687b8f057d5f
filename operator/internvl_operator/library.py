"""The planner and the renderer as functions, for notebooks and other controllers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from internvl_operator.catalog.engine_options import COMMAND_LINE_OPTIONS, DEFAULT_OPTIONS, EngineOptions
from internvl_operator.catalog.engines import DEFAULT_VERSION, engine
from internvl_operator.catalog.hardware.gpu_names import gpu_called
from internvl_operator.catalog.models import INTERNVL2, find_model
from internvl_operator.planner.nodes.inventory import Inventory, given_gpu, inventory_for
from internvl_operator.planner.plan import Plan, make_plan
from internvl_operator.planner.remarks.completed_plan import completed, without_remarks
from internvl_operator.planner.request import (
    BACKENDS,
    QUANTIZATIONS,
    GpuRequest,
    PlanRequest,
    quantized,
    request_of,
)
from internvl_operator.planner.request import backend as backend_of
from internvl_operator.planner.speed.load import Load
from internvl_operator.text.quantity import memory_mib
from internvl_operator.text.sentences import in_words

if TYPE_CHECKING:
    from internvl_operator.api.v1alpha1 import InternVLDeployment

_MOST_GPUS = 8

Nodes = Iterable[Mapping[str, Any]]


def plan(
    size: str,
    *,
    series: str = INTERNVL2,
    gpu: str | None = None,
    gpu_memory: str | None = None,
    max_gpus: int = _MOST_GPUS,
    nodes: Nodes | None = None,
    quantization: Literal["Auto", "None", "AWQ"] = "Auto",
    backend: Literal["Auto", "TurboMind", "PyTorch"] = "Auto",
    version: str = DEFAULT_VERSION,
    tp: int | None = None,
    session_len: int = DEFAULT_OPTIONS.session_len,
    sessions: int | None = None,
    cache_max_entry_count: float | None = None,
    max_batch_size: int = DEFAULT_OPTIONS.max_batch_size,
    quant_policy: Literal[0, 4, 8] = 0,
    load: Load | None = None,
) -> Plan:
    """Return what a model needs. What is given is kept, what is not is derived.

    Args:
        size: one that the series has in MODELS, such as ``"8B"``.
        series: one of SERIES.
        gpu: product, by the node label nvidia.com/gpu.product or short: ``"A100-80GB"``; or a MIG profile.
        gpu_memory: memory of one GPU as a Kubernetes quantity: ``"80Gi"``.
        max_gpus: most GPUs for one replica.
        nodes: Nodes as the Kubernetes API returns them; the plan chooses among their GPUs. Without nodes, name the
            GPU by ``gpu`` or ``gpu_memory``.
        quantization: of the weights.
        backend: inference backend.
        version: LMDeploy release, one of SUPPORTED_VERSIONS.
        tp: tensor parallelism, and so the number of GPUs.
        session_len: longest session in tokens.
        sessions: full-length sessions to hold at once; None: 4, or 1 with a given ``tp``.
        cache_max_entry_count: share of the memory free after the weights that the KV cache takes.
        max_batch_size: most requests computed at once.
        quant_policy: bits of the KV cache, 0 for 16.
        load: what one endpoint is to carry; with a rate the plan takes the fewest GPUs that do.

    Returns:
        The plan. Its ``outcome`` says whether it runs, its ``reason`` why, its ``memory`` is in MiB per GPU, its
        ``speed`` what one replica does.

    Raises:
        NoGpuKnownError: neither arguments nor nodes name a GPU.
        UnknownGpuError, UnknownEngineError: there is no such product or release.
        UnknownModelError: the series has no such size.
        ValueError: ``gpu_memory`` is no quantity, or another value is not one of those that it may have.

    Example:
        >>> chosen = plan("26B", gpu="A100-80GB", sessions=2)
        >>> str(chosen.outcome), chosen.gpus, chosen.quantization
        ('ok', 1, 'None')
        >>> plan("8B", gpu="H100", load=Load(requests_per_second=40)).speed.replicas
        4
    """
    numbers = {"max_gpus": max_gpus, "tp": tp, "session_len": session_len, "sessions": sessions}
    for name, number in {**numbers, "max_batch_size": max_batch_size}.items():
        if number is not None and number < 1:
            raise ValueError(f"{name} is {number}: write a whole number above zero")
    if cache_max_entry_count is not None and not 0 < cache_max_entry_count < 1:
        raise ValueError(f"cache_max_entry_count is {cache_max_entry_count}: write a number between 0 and 1")
    _check_choice("quantization", quantization, QUANTIZATIONS)
    _check_choice("backend", backend, BACKENDS)
    _check_choice("quant_policy", quant_policy, COMMAND_LINE_OPTIONS["quant_policy"]["choices"])
    model = find_model(series, size)
    request = PlanRequest(
        size=model.size,
        series=model.series,
        quantized=quantized(quantization),
        backend=backend_of(backend),
        engine=engine(version).version,
        tp=tp,
        sessions=sessions,
        options=EngineOptions(
            session_len=session_len,
            cache_max_entry_count=cache_max_entry_count,
            max_batch_size=max_batch_size,
            quant_policy=quant_policy,
        ),
        gpu=_with_gpu(GpuRequest(max_count=max_gpus), gpu, gpu_memory),
        load=load,
    )
    return _planned(request, gpu, nodes)


def plan_resource(
    resource: "InternVLDeployment",
    *,
    gpu: str | None = None,
    gpu_memory: str | None = None,
    nodes: Nodes | None = None,
) -> Plan:
    """Return the plan that the controller would make for a new resource.

    Args:
        resource: as ``parse`` returns it.
        gpu: product or MIG profile in place of the resource's own.
        gpu_memory: memory of one GPU in place of the resource's own.
        nodes: Nodes as the Kubernetes API returns them; the plan chooses among their GPUs.

    Raises:
        NoGpuKnownError: neither arguments nor nodes name a GPU.
        UnknownGpuError: there is no such product.
        ValueError: ``gpu_memory`` is no quantity.

    Example:
        >>> from internvl_operator import parse
        >>> resource = parse({"metadata": {"name": "captions"}, "spec": {"size": "26B"}})
        >>> plan_resource(resource, gpu="L4").gpus
        4
    """
    request = request_of(resource.spec)
    request = replace(request, gpu=_with_gpu(request.gpu, gpu, gpu_memory))
    return _planned(request, gpu, nodes)


def render(resource: "InternVLDeployment", plan: Plan) -> tuple[dict[str, Any], ...]:
    """Return the manifests that the controller would apply for a resource, without owner references.

    Args:
        resource: as ``parse`` returns it.
        plan: the plan that it runs by.

    Raises:
        ValueError: the plan does not run.

    Example:
        >>> from internvl_operator import parse
        >>> body = {"metadata": {"name": "captions"}, "spec": {"size": "2B", "gpu": {"product": "NVIDIA-L4"}}}
        >>> resource = parse(body)
        >>> [manifest["kind"] for manifest in render(resource, plan_resource(resource))][:3]
        ['NetworkPolicy', 'Service', 'Deployment']
    """
    from internvl_operator.manifests.children import render_children
    from internvl_operator.manifests.record import inputs_of

    if not plan.is_ok:
        raise ValueError(f"there is nothing to render: {plan.reason}")
    stored = without_remarks(plan, request_of(resource.spec))
    return render_children(resource, stored, inputs_of(resource.spec)).manifests


def _check_choice(name: str, value: object, choices: Sequence[object]) -> None:
    if value not in choices:
        raise ValueError(f"{name} is {value!r}: write {in_words(map(repr, choices), 'or')}")


def _with_gpu(request: GpuRequest, gpu: str | None, gpu_memory: str | None) -> GpuRequest:
    memory = memory_mib(gpu_memory) if gpu_memory else None
    if gpu is None:
        return request if memory is None else replace(request, product=None, memory_mib=memory)
    called = gpu_called(gpu)
    return replace(
        request,
        resource=called.resource,
        product=called.product,
        memory_mib=memory or called.memory_mib,
    )


def _planned(request: PlanRequest, gpu: str | None, nodes: Nodes | None) -> Plan:
    plan = make_plan(request, _inventory(request.gpu, nodes))
    note = gpu_called(gpu).note if gpu else None
    return completed(replace(plan, notes=(*plan.notes, note)) if note else plan, request)


def _inventory(request: GpuRequest, nodes: Nodes | None) -> Inventory:
    return given_gpu(request) if nodes is None else inventory_for(request, nodes)
