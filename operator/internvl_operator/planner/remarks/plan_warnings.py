"""The warnings of a plan: what its numbers do not say."""

from internvl_operator.catalog.engines import engine
from internvl_operator.catalog.models import INTERNVL2, Model
from internvl_operator.planner.candidates import Candidate
from internvl_operator.planner.memory.constants import MEASURED_ARCHITECTURES
from internvl_operator.planner.memory.host_needs import CPU_MILLIS_PER_GPU
from internvl_operator.planner.nodes.inventory import GpuPool
from internvl_operator.planner.request import PlanRequest


def warnings_of(chosen: Candidate, request: PlanRequest, float16: bool) -> tuple[str, ...]:
    """Return the warnings of a plan: what the numbers of the plan do not say."""
    model, release, pool = request.model, engine(request.engine), chosen.pool
    warnings: list[str] = []
    if float16:
        warnings.append(_float16_warning(model, pool))
    warnings += _unmeasured_warnings(model, chosen.tp)
    if pool.is_virtual:
        warnings.append(
            f"{pool.product or 'The GPU'} is a virtual GPU: the engine allocates from CUDA memory pools, which a vGPU "
            "has only where its unified memory is turned on (NVIDIA's vGPU guide); this was not tried."
        )
    if chosen.cpu_millis is not None:
        warnings.append(
            f"The nodes leave {chosen.cpu_millis}m of cpu beside the system's pods, fewer than the "
            f"{CPU_MILLIS_PER_GPU * chosen.tp}m that serve fastest: larger nodes answer more requests. "
            "podTemplate.resources.requests.cpu says another number."
        )
    known = model.language.max_position_embeddings
    if request.options.session_len > known:
        warnings.append(f"The model knows {known} tokens: answers get worse beyond, whatever fits.")
    return (*warnings, *release.warnings_for(model, chosen.backend, chosen.tp, request.options))


def _float16_warning(model: Model, pool: GpuPool) -> str:
    warning = f"{pool.product} has no bfloat16: the model runs in float16, which was not measured."
    if model.language.architecture.startswith("Qwen") and model.series != INTERNVL2:
        # lmdeploy issues 3563, 3576, 4285
        warning += (
            " Language models of Qwen2.5 and Qwen3 were trained in bfloat16, and their numbers have been seen to "
            "overflow in float16: check the answers, or use a GPU of compute capability 8.0 or later."
        )
    return warning


def _unmeasured_warnings(model: Model, tp: int) -> list[str]:
    language = model.language
    if language.architecture not in MEASURED_ARCHITECTURES:
        what, where = "its parts", ""
    elif language.experts and tp > 1:
        what, where = "its experts", f" on {tp} GPUs"
    else:
        return []
    return [
        f"The memory of {model.name}{where} was not measured: what {what} take is computed from the shapes of "
        f"{language.architecture}, with the constants of models that were. Leave some of the GPU free, and "
        "compare with internvl memory."
    ]
