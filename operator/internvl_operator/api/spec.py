"""``spec`` of an InternVLDeployment.

The description of a field names its default, which the operator applies when it reads the resource. The CRD sets a
default for ``replicas`` alone, which the scale subresource needs: a resource in the cluster thus equals its source in
Git.
"""

from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from internvl_operator.api.base import ApiModel, Rule
from internvl_operator.api.kubernetes.kubernetes_types import checked, schema_of
from internvl_operator.api.pod_template import Bytes
from internvl_operator.api.rules import spellings
from internvl_operator.api.rules.field_rules import more_than_1_gib, spelled
from internvl_operator.catalog.engine_options import DEFAULT_OPTIONS, TENSOR_PARALLELISM
from internvl_operator.catalog.engines import DEFAULT_VERSION, SUPPORTED_VERSIONS, engine
from internvl_operator.catalog.flags import flag_of
from internvl_operator.catalog.models import MODELS, SERIES
from internvl_operator.catalog.nvidia import GPU_RESOURCE, SHARED_SUFFIX
from internvl_operator.catalog.series.model_limits import SIZES
from internvl_operator.catalog.spec_flags import OPERATOR_FLAGS
from internvl_operator.text.sentences import in_words


def _supported(version: str) -> str:
    return engine(version).version


def _known_series(series: str) -> str:
    if series not in SERIES:
        raise ValueError(f"{series!r} is not a series: write {in_words(SERIES, 'or')}")
    return series


_SERVED = [size for size in SIZES if any((series, size) in MODELS for series in SERIES)]


def _known_size(size: str) -> str:
    if size not in SIZES:
        raise ValueError(f"{size!r} is not a size of any series: write one of {', '.join(_SERVED)}")
    return size


Series = Annotated[str, AfterValidator(_known_series), Field(json_schema_extra={"enum": list(SERIES)})]
Size = Annotated[str, AfterValidator(_known_size), Field(json_schema_extra={"enum": list(SIZES)})]
EngineVersion = Annotated[
    str, AfterValidator(_supported), Field(json_schema_extra={"enum": list(SUPPORTED_VERSIONS)})
]


def _not_owned(argument: str) -> str:
    flag = flag_of(argument)
    if flag in OPERATOR_FLAGS:
        raise ValueError(f"engine.extraArgs must not hold {flag}: {OPERATOR_FLAGS[flag]}")
    return argument


_OWNED = "{" + ", ".join(f"'{flag}': '{instead}'" for flag, instead in OPERATOR_FLAGS.items()) + "}"
_FLAG = "self.split('=')[0].replace('_', '-')"

ExtraArgument = Annotated[
    str,
    Field(
        min_length=1,
        max_length=1024,
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": f"!({_FLAG} in {_OWNED})",
                    "messageExpression": f"'engine.extraArgs must not hold ' + {_FLAG} + ': ' + {_OWNED}[{_FLAG}]",
                    "message": "engine.extraArgs must not hold a flag that the operator sets",
                }
            ]
        },
    ),
    AfterValidator(_not_owned),
]


MaxCount = Annotated[int, Field(ge=1, le=16)]


class Gpu(ApiModel):
    """The GPUs that one replica may use."""

    resource: Annotated[str, Field(max_length=63)] = GPU_RESOURCE
    """Extended resource to request: nvidia.com/gpu or a MIG profile such as nvidia.com/mig-3g.40gb."""
    product: Annotated[str, Field(max_length=63), spellings.PRODUCT] | None = None
    """GPU product: the value of the node label nvidia.com/gpu.product, for example NVIDIA-L4. Default: chosen among the
    nodes' GPUs."""
    memory: Bytes | None = None
    """Total memory of one GPU, as nvidia-smi shows it, for example 80Gi. Default: from the product or the nodes'
    labels."""
    max_count: MaxCount = 8
    """Most GPUs for one replica. Default: 8, unless the installation has another default."""

    rules = (
        spelled(
            "resource",
            "nvidia[.]com/(gpu|mig-[1-9]g[.][0-9]+gb([.]me)?)",
            "gpu.resource is nvidia.com/gpu or a MIG profile: write for example nvidia.com/mig-3g.40gb",
        ),
        Rule(
            f"!has(self.product) || !self.product.endsWith('{SHARED_SUFFIX}')",
            f"gpu.product ends with {SHARED_SUFFIX}: a GPU shared in time cannot hold a planned amount of memory; "
            "name an unshared product or a MIG resource",
            lambda g: not (g.product or "").endswith(SHARED_SUFFIX),
        ),
        more_than_1_gib("memory", "gpu.memory is the memory of one GPU: write for example 80Gi"),
    )


def _env_var_schema() -> dict[str, Any]:
    """Return the schema of an item in a list that server-side apply merges by name."""
    schema = schema_of("EnvVar")
    name, source = schema["properties"]["name"], schema["properties"]["valueFrom"]
    properties = schema["properties"] | {
        "name": name | {"minLength": 1, "maxLength": 256},
        "valueFrom": source | {"x-kubernetes-map-type": "atomic"},
    }
    return {"type": "object", "required": schema["required"], "properties": properties}


_ENV_VAR = _env_var_schema()


class EnvVar(ApiModel):
    """A Kubernetes EnvVar."""

    model_config = ApiModel.model_config | {"extra": "allow", "json_schema_extra": _ENV_VAR}

    name: Annotated[str, Field(min_length=1, max_length=256)]
    """Name of the variable."""

    @model_validator(mode="before")
    @classmethod
    def _is_env_var(cls, value: Any) -> Any:
        return checked(_ENV_VAR, value) if isinstance(value, dict) else value


def _named_once(variables: list[EnvVar]) -> list[EnvVar]:
    times = Counter(variable.name for variable in variables)
    if twice := sorted(name for name, count in times.items() if count > 1):
        raise ValueError(f"Duplicate value: {', '.join(twice)}")
    return variables


_TP_VALUES = f"{', '.join(map(str, TENSOR_PARALLELISM[:-1]))} or {TENSOR_PARALLELISM[-1]}"


class Engine(ApiModel):
    """LMDeploy and its options, named as LMDeploy names them."""

    version: EngineVersion = DEFAULT_VERSION
    """LMDeploy release. Default: 0.18.0."""
    image: Annotated[str, Field(max_length=512), spellings.IMAGE] | None = None
    """Image to run, for example registry.example.com/team/lmdeploy:v0.18.0. Default: the release's own image."""
    backend: Literal["Auto", "TurboMind", "PyTorch"] = "Auto"
    """Inference backend. Default: TurboMind where it runs the model, else PyTorch (InternVL2-4B)."""
    tp: int | None = None
    """Tensor parallelism, and so the number of GPUs of one replica. Default: derived."""
    session_len: Annotated[int, Field(ge=512, le=1048576)] = DEFAULT_OPTIONS.session_len
    """Longest session in tokens, prompt and answer; one image takes up to 3328. Default: 8192."""
    sessions: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Sessions of full length that one replica must hold at once; decides the GPU count. Default: 4."""
    cache_max_entry_count: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of the memory free after the weights that the KV cache takes. Default: derived, at most 0.8."""
    max_batch_size: Annotated[int, Field(ge=1, le=4096)] = DEFAULT_OPTIONS.max_batch_size
    """Most requests computed at once. Default: 128."""
    quant_policy: Literal[0, 4, 8] = 0
    """Bits of the KV cache: 4, 8, or 0 for 16. Default: 0."""
    prefix_caching: Literal["Auto", "Enabled", "Disabled"] = "Auto"
    """Whether the KV cache keeps the beginnings of requests for later ones: questions to one image again. Auto leaves
    it off. Default: Auto."""
    extra_args: Annotated[list[ExtraArgument], Field(max_length=64)] = []
    """Further arguments of api_server, checked against the flags of that release."""
    env: Annotated[
        list[EnvVar],
        Field(
            max_length=64,
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
        AfterValidator(_named_once),
    ] = []
    """Environment of the serving container (Kubernetes EnvVars)."""

    rules = (
        Rule(
            f"!has(self.tp) || self.tp in {list(TENSOR_PARALLELISM)}",
            f"engine.tp must be {_TP_VALUES}: it has to divide the model's attention heads and KV heads",
            lambda e: e.tp is None or e.tp in TENSOR_PARALLELISM,
        ),
    )
