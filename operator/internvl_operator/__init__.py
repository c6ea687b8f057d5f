"""The InternVL operator: plans, renders and runs InternVL models on LMDeploy in Kubernetes.

The names below are the library, for notebooks and other controllers: the catalogue, the planner and the renderer.
Each is imported when it is first used, so that the command starts fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from internvl_operator.api.parsing import InvalidSpecError, parse
    from internvl_operator.api.v1alpha1 import InternVLDeployment
    from internvl_operator.catalog.engine import Engine
    from internvl_operator.catalog.engines import (
        DEFAULT_VERSION,
        SUPPORTED_VERSIONS,
        UnknownEngineError,
        engine,
    )
    from internvl_operator.catalog.gpus import GPUS, Gpu, UnknownGpuError, find_gpu
    from internvl_operator.catalog.models import MODELS, SERIES, Backend, Model, UnknownModelError
    from internvl_operator.library import plan, plan_resource, render
    from internvl_operator.manifests.server_arguments import server_arguments
    from internvl_operator.planner.document import plan_document
    from internvl_operator.planner.explain import Alternative
    from internvl_operator.planner.memory.estimate import MemoryEstimate
    from internvl_operator.planner.nodes.inventory import NoGpuKnownError
    from internvl_operator.planner.outcome import Outcome
    from internvl_operator.planner.plan import Plan
    from internvl_operator.planner.speed.load import Load
    from internvl_operator.planner.speed.speed_estimate import Speed

__version__ = "0.1.0"

__all__ = [
    "DEFAULT_VERSION",
    "GPUS",
    "MODELS",
    "SERIES",
    "SUPPORTED_VERSIONS",
    "Alternative",
    "Backend",
    "Engine",
    "Gpu",
    "InternVLDeployment",
    "InvalidSpecError",
    "Load",
    "MemoryEstimate",
    "Model",
    "NoGpuKnownError",
    "Outcome",
    "Plan",
    "Speed",
    "UnknownEngineError",
    "UnknownGpuError",
    "UnknownModelError",
    "engine",
    "find_gpu",
    "parse",
    "plan",
    "plan_document",
    "plan_resource",
    "render",
    "server_arguments",
]

_MODULES = {
    "api.parsing": ("InvalidSpecError", "parse"),
    "api.v1alpha1": ("InternVLDeployment",),
    "catalog.engine": ("Engine",),
    "catalog.engines": ("DEFAULT_VERSION", "SUPPORTED_VERSIONS", "UnknownEngineError", "engine"),
    "catalog.gpus": ("GPUS", "Gpu", "UnknownGpuError", "find_gpu"),
    "catalog.models": ("MODELS", "SERIES", "Backend", "Model", "UnknownModelError"),
    "library": ("plan", "plan_resource", "render"),
    "manifests.server_arguments": ("server_arguments",),
    "planner.document": ("plan_document",),
    "planner.explain": ("Alternative",),
    "planner.nodes.inventory": ("NoGpuKnownError",),
    "planner.memory.estimate": ("MemoryEstimate",),
    "planner.outcome": ("Outcome",),
    "planner.plan": ("Plan",),
    "planner.speed.load": ("Load",),
    "planner.speed.speed_estimate": ("Speed",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
