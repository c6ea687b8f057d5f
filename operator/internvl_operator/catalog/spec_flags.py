"""The flags of ``lmdeploy serve api_server`` that the operator writes or rules out: a table.

The command line is made from the rows, in their order; the same rows say which field of the spec to set in place
of a flag in ``spec.engine.extraArgs``. The order of the rows is the order of the arguments in running pods: a new
row goes to the end.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from operator import attrgetter
from types import MappingProxyType

from internvl_operator.catalog.engine import Engine
from internvl_operator.catalog.engine_options import EngineOptions
from internvl_operator.catalog.models import Backend, Model
from internvl_operator.text.spelling import to_python

API_KEY_VARIABLE = "API_KEY"
"""The environment variable that holds the key: LMDeploy takes keys as arguments alone, and Kubernetes puts the
variable's value into the argument when the container starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What the command line of one pod follows from.

    Attributes:
        release: the LMDeploy release that reads it.
        model: the entry of the model table.
        model_name: the name under which clients ask for the model.
        backend: the backend that serves.
        port: the server's port.
        tp: tensor parallelism.
        awq: the weights are AWQ.
        float16: the GPU lacks bfloat16.
        options: the engine's options as the plan has them.
        has_api_key: clients must send a key.
        has_tls: the server speaks HTTPS.
    """

    release: Engine
    model: Model
    model_name: str
    backend: Backend
    port: int
    tp: int
    awq: bool
    float16: bool
    options: EngineOptions
    has_api_key: bool
    has_tls: bool


Value = Callable[[Launch], str | bool | None]


@dataclass(frozen=True, slots=True)
class SpecFlag:
    """One flag that the operator writes.

    Attributes:
        flag: with its two dashes.
        field: the field of the spec that decides the flag, such as ``engine.sessionLen``; empty when no field does.
        value: returns the flag's value; True writes the flag without a value, None or False leaves the flag out.
            A row without this function is a plain flag: it has the field's value, and is left out with the field.
        when: the value of the field with which a plain flag is written, without a value; empty for a flag that has the
            field's value.
        is_also_extra: whether ``engine.extraArgs`` may hold the flag too, as it could before there was the field.
        instead: what to do instead of writing the flag into ``engine.extraArgs``; empty where "set spec.FIELD" says
            it. A row with neither ``field`` nor ``instead`` allows the flag there too, and LMDeploy reads the last one.
    """

    flag: str
    field: str = ""
    value: Value | None = None
    instead: str = ""
    when: str = ""
    is_also_extra: bool = False

    @property
    def advice(self) -> str:
        """What to do instead of writing the flag into ``engine.extraArgs``; empty when it may be written there."""
        if self.is_also_extra:
            return ""
        return self.instead or (f"set spec.{self.field}" if self.field else "")


def _metrics(launch: Launch) -> bool:
    return launch.release.metrics_flag is not None and launch.backend in launch.release.metrics_backends


SPEC_FLAGS = (
    SpecFlag("--model-name", "server.modelName", lambda launch: launch.model_name),
    SpecFlag("--backend", "engine.backend", lambda launch: launch.backend.value),
    SpecFlag("--server-port", "server.port", lambda launch: str(launch.port)),
    SpecFlag("--tp", "engine.tp", lambda launch: str(launch.tp)),
    SpecFlag("--session-len", "engine.sessionLen", lambda launch: str(launch.options.session_len)),
    SpecFlag("--max-batch-size", "engine.maxBatchSize", lambda launch: str(launch.options.max_batch_size)),
    SpecFlag(
        "--cache-max-entry-count",
        "engine.cacheMaxEntryCount",
        lambda launch: f"{launch.options.cache_max_entry_count:g}",
    ),
    SpecFlag(
        "--quant-policy",
        "engine.quantPolicy",
        lambda launch: str(launch.options.quant_policy) if launch.options.quant_policy else None,
    ),
    SpecFlag("--model-format", "quantization", lambda launch: "awq" if launch.awq else None),
    # Where the release would go by the directory's name, which a fine-tune's repository chooses.
    SpecFlag("--chat-template", value=lambda launch: launch.release.chat_template_for(launch.model)),
    SpecFlag(
        "--dtype",
        value=lambda launch: "float16" if launch.float16 and launch.release.supports("--dtype") else None,
        instead="leave it out, the operator asks for float16 where the GPU lacks bfloat16",
    ),
    SpecFlag(
        "--trust-remote-code",
        value=lambda launch: launch.release.requires_trust_remote_code,
        instead="leave it out, the operator sets it where the release has it",
    ),
    SpecFlag("--enable-metrics", value=_metrics),
    SpecFlag(
        "--api-keys",
        "server.apiKeySecretRef",
        lambda launch: f"$({API_KEY_VARIABLE})" if launch.has_api_key else None,
    ),
    SpecFlag("--ssl", "server.tlsSecretRef", lambda launch: launch.has_tls),
    SpecFlag("--enable-prefix-caching", "engine.prefixCaching", when="Enabled", is_also_extra=True),
)

_ONE_POD = "set spec.engine.tp and spec.replicas, a replica being one pod"
_WHOLE_REQUESTS = "set spec.replicas, each of which serves whole requests"
_COUNTED = "leave it out, as the planned memory is that of the default"

_RULED_OUT = {
    "--cache-block-seq-len": _COUNTED,
    "--cp": _ONE_POD,
    "--device": "leave it out, the operator serves on NVIDIA GPUs alone",
    "--dist-init-addr": _ONE_POD,
    "--download-dir": "set spec.model.cache",
    "--dp": _ONE_POD,
    "--dp-rank": _ONE_POD,
    "--ep": _ONE_POD,
    "--kv-transfer-config": _WHOLE_REQUESTS,
    "--max-concurrent-requests": "set spec.engine.maxBatchSize, as this flag delays health probes too",
    "--max-prefill-token-num": _COUNTED,
    "--migration-backend": _WHOLE_REQUESTS,
    "--nnodes": _ONE_POD,
    "--node-rank": _ONE_POD,
    "--num-gpu-blocks": "set spec.engine.cacheMaxEntryCount",
    "--proxy-url": "set spec.service, which spreads the requests",
    "--revision": "set spec.model.revision",
    "--role": _WHOLE_REQUESTS,
    "--server-name": "set spec.service, as the server listens on every address of its pod",
}
"""The flags that nobody writes, each with what to do instead."""

OPERATOR_FLAGS: Mapping[str, str] = MappingProxyType(
    dict(sorted({**_RULED_OUT, **{row.flag: row.advice for row in SPEC_FLAGS if row.advice}}.items()))
)
"""The flags that extraArgs must not hold, each with what to do instead."""


def launch_arguments(launch: Launch, rows: tuple[SpecFlag, ...] = SPEC_FLAGS) -> list[str]:
    """Return the flags that follow from the plan and the server, with their values."""
    written: list[str] = []
    for row in rows:
        if row.value is not None:
            written += _written(row.flag, row.value(launch))
    return written


def plain_arguments(spec: object, rows: tuple[SpecFlag, ...] = SPEC_FLAGS) -> tuple[str, ...]:
    """Return the plain flags whose fields are given in a parsed spec, with their values."""
    written: list[str] = []
    for row in rows:
        if row.value is None:
            value = _reader(row.field)(spec)
            if row.when:
                value = value == row.when
            written += _written(row.flag, value if isinstance(value, bool | None) else str(value))
    return tuple(written)


@cache  # fields of the table
def _reader(field: str) -> Callable[[object], str | int | bool | None]:
    return attrgetter(to_python(field))


def _written(flag: str, value: str | bool | None) -> list[str]:
    if value is None or value is False:
        return []
    return [flag] if value is True else [flag, value]
