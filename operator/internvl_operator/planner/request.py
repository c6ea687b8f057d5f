"""The input of the planner: the values that a spec or a command line gives. ``None`` means: derive it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from internvl_operator.catalog.engine_options import DEFAULT_OPTIONS, EngineOptions
from internvl_operator.catalog.engines import DEFAULT_VERSION
from internvl_operator.catalog.hardware.image_variants import PROCESSOR
from internvl_operator.catalog.models import INTERNVL2, MODELS, Backend, Model
from internvl_operator.catalog.nvidia import GPU_RESOURCE
from internvl_operator.catalog.spec_flags import plain_arguments
from internvl_operator.catalog.tiling import tile_count
from internvl_operator.planner.nodes.node_affinity import NodeTerm, required_terms
from internvl_operator.planner.speed.load import DEFAULT_LOAD, Load
from internvl_operator.text.quantity import memory_mib

if TYPE_CHECKING:
    from internvl_operator.api.v1alpha1 import InternVLDeploymentSpec

DEFAULT_SESSIONS = 4
"""Sessions of full length that a replica holds when the spec does not say how many."""


@dataclass(frozen=True, slots=True)
class GpuRequest:
    """The GPUs that a replica may use; memory in MiB.

    Args:
        node_selector: labels that the nodes must have.
        node_affinity: alternatives, of which the nodes must meet one; None when any node will do.
        tolerations: as in a PodSpec, in addition to that of the GPU resource's own taint.
        processor: the one that the image is for, by the node label ``kubernetes.io/arch``; None with an image of the
            user's own, which may be for any.
    """

    resource: str = GPU_RESOURCE
    product: str | None = None
    memory_mib: int | None = None
    max_count: int = 8
    node_selector: Mapping[str, str] = field(default_factory=dict)
    node_affinity: tuple[NodeTerm, ...] | None = None
    tolerations: tuple[Mapping[str, Any], ...] = ()
    processor: str | None = PROCESSOR


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """The inputs of a plan.

    Args:
        series: of the model; with its size, the entry of the model table.
        quantized: whether the weights are AWQ; None leaves it to the planner.
        has_own_files: whether the files come from a claim or an image, which holds one set of weights.
        plain_args: flags that the spec's fields write as they are; they change no memory.
        extra_args: further arguments as the spec gives them.
        keeps_files: whether the files come from a claim or an image, or are kept in a claim: all pods have the same.
        has_own_image: whether ``spec.engine.image`` names an image, which may be built for any hardware.
        given_requests: the resources, such as ``cpu``, that the spec requests itself.
        limits: the most that the container may take of a resource, as Kubernetes quantities.
        variables: names in ``engine.env``.
        replicas: as given, and the fewest of the autoscaler; they change no plan.
        least_replicas: None without an autoscaler.
        autoscaled: whether the replicas follow the requests that wait for the engine; it changes no plan.
        sessions: full-length sessions to hold at once; None asks for DEFAULT_SESSIONS, or for one with a given tp.
        options: the engine's options, of which those that are None are derived.
        load: what the endpoint is to carry; None asks for nothing.
        most_replicas: the most replicas that the spec allows; None where it does not limit them. It changes no plan.
    """

    size: str
    quantized: bool | None = None
    backend: Backend | None = None
    engine: str = DEFAULT_VERSION
    tp: int | None = None
    sessions: int | None = None
    options: EngineOptions = DEFAULT_OPTIONS
    repository: str | None = None
    has_own_files: bool = False
    plain_args: tuple[str, ...] = ()
    revision: str | None = None
    keeps_files: bool = False
    extra_args: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    replicas: int | None = None
    least_replicas: int | None = None
    has_own_image: bool = False
    given_requests: frozenset[str] = frozenset()
    limits: Mapping[str, str] = field(default_factory=dict)
    autoscaled: bool = False
    gpu: GpuRequest = GpuRequest()
    load: Load | None = None
    most_replicas: int | None = None
    series: str = INTERNVL2

    @property
    def model(self) -> Model:
        """The entry of the model table."""
        return MODELS[self.series, self.size]

    @property
    def wanted_sessions(self) -> int:
        """Full-length sessions that decide the GPU count."""
        if self.sessions is not None:
            return self.sessions
        return DEFAULT_SESSIONS if self.tp is None else 1

    @property
    def further_args(self) -> tuple[str, ...]:
        """The server's arguments that the spec adds to those of the plan."""
        return (*self.plain_args, *self.extra_args)

    def with_options(self, **changes: Any) -> "PlanRequest":
        """Return the request with other options of the engine."""
        return replace(self, options=replace(self.options, **changes))


_QUANTIZED = {"Auto": None, "None": False, "AWQ": True}
_BACKENDS = {"Auto": None, "TurboMind": Backend.TURBOMIND, "PyTorch": Backend.PYTORCH}

QUANTIZATIONS = tuple(_QUANTIZED)
BACKENDS = tuple(_BACKENDS)


def quantized(choice: str) -> bool | None:
    """Return what ``Auto``, ``None`` or ``AWQ`` asks for."""
    return _QUANTIZED[choice]


def backend(choice: str) -> Backend | None:
    """Return what ``Auto``, ``TurboMind`` or ``PyTorch`` asks for."""
    return _BACKENDS[choice]


def request_of(spec: "InternVLDeploymentSpec") -> PlanRequest:
    """Return the part of a spec that the plan follows from."""
    engine = spec.engine
    return PlanRequest(
        size=spec.size,
        series=spec.given_series,
        quantized=quantized(spec.quantization),
        backend=backend(engine.backend),
        engine=engine.version,
        tp=engine.tp,
        sessions=engine.sessions,
        options=EngineOptions.of(engine),
        repository=spec.model.repository,
        has_own_files=spec.model.has_own_files,
        plain_args=plain_arguments(spec),
        revision=spec.model.revision,
        keeps_files=spec.model.has_own_files or spec.model.cache.is_given,
        extra_args=tuple(engine.extra_args),
        variables=tuple(variable.name for variable in engine.env),
        replicas=spec.replicas if "replicas" in spec.model_fields_set else None,
        least_replicas=spec.autoscaling.min_replicas if spec.autoscaling.max_replicas is not None else None,
        has_own_image=engine.image is not None,
        given_requests=frozenset(spec.pod_template.resources.requests),
        limits=spec.pod_template.resources.limits,
        autoscaled=spec.autoscaling.max_replicas is not None and not spec.autoscaling.sleeps,
        gpu=GpuRequest(
            resource=spec.gpu.resource,
            product=spec.gpu.product,
            memory_mib=memory_mib(spec.gpu.memory) if spec.gpu.memory else None,
            max_count=spec.gpu.max_count,
            node_selector=spec.pod_template.node_selector,
            node_affinity=required_terms(spec.pod_template.affinity),
            tolerations=tuple(spec.pod_template.tolerations),
            processor=None if engine.image else PROCESSOR,
        ),
        load=_load_of(spec),
        most_replicas=spec.autoscaling.max_replicas or spec.replicas,
    )


def _load_of(spec: "InternVLDeploymentSpec") -> Load | None:
    load = spec.load
    if not load.is_given:
        return None
    tiles = tile_count(*map(int, load.image_size.split("x"))) if load.image_size else load.tiles
    return Load(
        requests_per_second=load.requests_per_second,
        images=load.images,
        tiles=tiles or DEFAULT_LOAD.tiles,
        prompt_tokens=load.prompt_tokens,
        output_tokens=load.output_tokens,
        ttft_seconds=load.time_to_first_token_seconds,
    )
