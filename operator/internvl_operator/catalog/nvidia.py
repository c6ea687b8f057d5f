"""NVIDIA's names in a cluster: extended resources (its device plugin) and node labels (GPU Feature Discovery)."""

GPU_RESOURCE = "nvidia.com/gpu"
"""The extended resource of whole GPUs."""

MIG_RESOURCE_PREFIX = "nvidia.com/mig-"
"""How the extended resource of a MIG profile begins: ``nvidia.com/mig-3g.40gb``."""

PRODUCT_LABEL = "nvidia.com/gpu.product"
"""The product of a node's GPUs: the device's name with dashes."""

MEMORY_LABEL = "nvidia.com/gpu.memory"
"""Total memory of one GPU in MiB, as nvidia-smi shows it."""

REPLICAS_LABEL = "nvidia.com/gpu.replicas"
"""How many pods share one GPU in time."""

COMPUTE_CAPABILITY_LABELS = ("nvidia.com/gpu.compute.major", "nvidia.com/gpu.compute.minor")
"""The two numbers of the CUDA compute capability."""

VGPU_LABEL = "nvidia.com/vgpu.present"
"""Whether the GPUs are virtual ones, ``true`` or ``false``."""

DRIVER_LABELS = (
    ("nvidia.com/cuda.driver-version.major", "nvidia.com/cuda.driver-version.minor"),
    ("nvidia.com/cuda.driver.major", "nvidia.com/cuda.driver.minor"),
)
"""The two numbers of the driver's version that count, by new and by old releases."""

SHARED_SUFFIX = "-SHARED"
"""How the product ends of a GPU that pods share in time."""


def is_mig(resource: str) -> bool:
    """Return whether an extended resource is a MIG profile."""
    return resource.startswith(MIG_RESOURCE_PREFIX)


def is_gpu(resource: str) -> bool:
    """Return whether an extended resource is GPUs: whole, shared in time (``nvidia.com/gpu.shared``), or slices."""
    return resource.startswith(GPU_RESOURCE) or is_mig(resource)
