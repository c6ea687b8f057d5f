"""The names by which people give a GPU to plan for: a product, a short name, or a MIG profile."""

import re
from dataclasses import dataclass

from internvl_operator.catalog.gpus import GPUS, Gpu, find_gpu, mig_profile
from internvl_operator.catalog.nvidia import GPU_RESOURCE, MIG_RESOURCE_PREFIX


@dataclass(frozen=True, slots=True)
class GivenGpu:
    """What a name of a GPU stands for.

    Args:
        resource: the extended resource that nodes offer it as.
        product: None for a MIG profile that is a resource of its own.
        memory_mib: of a MIG profile whose nodes offer it as whole GPUs; None where the catalogue knows it.
        note: what else the name may mean.
    """

    resource: str = GPU_RESOURCE
    product: str | None = None
    memory_mib: int | None = None
    note: str | None = None


def gpu_called(name: str) -> GivenGpu:
    """Return what a name stands for.

    Raises:
        UnknownGpuError: there is no such GPU.

    Example:
        >>> gpu_called("L4").product, gpu_called("mig-3g.40gb").resource
        ('NVIDIA-L4', 'nvidia.com/mig-3g.40gb')
    """
    if mig := re.fullmatch(rf"(?:{MIG_RESOURCE_PREFIX}|mig-)(\dg\.\d+gb(?:\.\w+)*)", name, re.IGNORECASE):
        return GivenGpu(f"{MIG_RESOURCE_PREFIX}{mig[1].lower()}")
    if single := re.fullmatch(r".+-MIG-(\dg\.\d+gb)(?:\.\w+)*", name):
        return GivenGpu(product=name, memory_mib=mig_profile(f"{MIG_RESOURCE_PREFIX}{single[1]}").memory_mib)
    gpu = find_gpu(name)
    return GivenGpu(product=gpu.product, note=_which(name, gpu))


def _which(name: str, gpu: Gpu) -> str | None:
    """Return which GPU a name was taken for, where others of the family have another amount of memory."""
    family = name.upper()
    others = [
        known.product
        for known in GPUS
        if known.memory_mib != gpu.memory_mib
        and any(each.upper().startswith(f"{family}-") for each in known.names)
    ]
    if not others:
        return None
    return f"{name} is taken for {gpu.product} with {gpu.memory_mib} MiB; there are also {', '.join(others)}"
