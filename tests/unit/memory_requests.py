"""Memory requests for tests, by the names that people use."""

from dataclasses import replace
from typing import Any

from internvl_operator.catalog.engine_options import OPTION_NAMES, EngineOptions
from internvl_operator.catalog.engines import engine
from internvl_operator.catalog.models import INTERNVL2, MODELS, Backend
from internvl_operator.planner.memory.estimate import MemoryRequest


def memory_request(
    size: str,
    gpu_memory_mib: int,
    ratio: float | None = None,
    *,
    series: str = INTERNVL2,
    version: str = "0.18.0",
    **changes: Any,
) -> MemoryRequest:
    """Return a request for a size on the backend that the release prefers, 16 bit, one GPU, session 8192."""
    options = {name: changes.pop(name) for name in OPTION_NAMES if name in changes}
    model, release = MODELS[series, size], engine(version)
    request = MemoryRequest(
        language=model.language,
        vision=model.vision,
        awq=False,
        backend=Backend(release.backends_for(model.language.architecture)[0]),
        tp=1,
        gpu_memory_mib=gpu_memory_mib,
        options=EngineOptions(cache_max_entry_count=ratio, **options),
        max_prefill_token_num=release.default_max_prefill_token_num,
        native_vision=release.native_vision,
        truncates_session=release.truncates_session,
        replicates_vocabulary=release.replicates_vocabulary,
    )
    return replace(request, **changes)
