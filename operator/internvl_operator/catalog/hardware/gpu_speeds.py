"""How fast each GPU of the catalogue computes, reads its memory and talks to its neighbours.

The figures are the peaks of the vendor's data sheets: dense bfloat16 (float16 where there is no bfloat16) tensor
operations with float32 accumulation, memory bandwidth, and one direction of NVLink, or of PCIe where there is none.
What part of a peak the engine reaches is fitted, see ``planner/speed/speed_constants.py``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from internvl_operator.catalog.gpus import Gpu, UnknownGpuError, find_gpu


@dataclass(frozen=True, slots=True)
class GpuSpeed:
    """The peak rates of one GPU.

    Args:
        teraflops: dense 16-bit tensor operations, 10^12 per second.
        memory_gb: memory bandwidth, 10^9 bytes per second.
        link_gb: what one GPU sends to the others of its node, 10^9 bytes per second.
    """

    teraflops: float
    memory_gb: float
    link_gb: float


_PCIE_3, _PCIE_4, _PCIE_5 = 16.0, 32.0, 64.0

_SPEEDS: Mapping[str, GpuSpeed] = {
    "Tesla-T4": GpuSpeed(65, 320, _PCIE_3),
    "NVIDIA-T4G": GpuSpeed(65, 320, _PCIE_3),
    "Tesla-V100-SXM2-16GB": GpuSpeed(125, 900, 150),
    "Tesla-V100-PCIE-16GB": GpuSpeed(112, 900, _PCIE_3),
    "Tesla-V100-SXM2-32GB": GpuSpeed(125, 900, 150),
    "Tesla-V100-PCIE-32GB": GpuSpeed(112, 900, _PCIE_3),
    "NVIDIA-A2": GpuSpeed(18, 200, _PCIE_4),
    "NVIDIA-A10": GpuSpeed(125, 600, _PCIE_4),
    "NVIDIA-A10G": GpuSpeed(70, 600, _PCIE_4),
    "NVIDIA-A16": GpuSpeed(18, 200, _PCIE_4),
    "NVIDIA-A30": GpuSpeed(165, 933, _PCIE_4),
    "NVIDIA-A40": GpuSpeed(150, 696, _PCIE_4),
    "NVIDIA-A100-SXM4-40GB": GpuSpeed(312, 1555, 300),
    "NVIDIA-A100-PCIE-40GB": GpuSpeed(312, 1555, _PCIE_4),
    "NVIDIA-A100-SXM4-80GB": GpuSpeed(312, 2039, 300),
    "NVIDIA-A100-80GB-PCIe": GpuSpeed(312, 1935, _PCIE_4),
    "NVIDIA-A800-SXM4-80GB": GpuSpeed(312, 2039, 200),
    "NVIDIA-A800-80GB-PCIe": GpuSpeed(312, 1935, _PCIE_4),
    "NVIDIA-L4": GpuSpeed(121, 300, _PCIE_4),
    "NVIDIA-L20": GpuSpeed(119, 864, _PCIE_4),
    "NVIDIA-L40": GpuSpeed(181, 864, _PCIE_4),
    "NVIDIA-L40S": GpuSpeed(362, 864, _PCIE_4),
    "NVIDIA-H100-80GB-HBM3": GpuSpeed(989, 3350, 450),
    "NVIDIA-H100-PCIe": GpuSpeed(756, 2039, _PCIE_5),
    "NVIDIA-H100-NVL": GpuSpeed(835, 3938, 300),
    "NVIDIA-H800": GpuSpeed(989, 3350, 200),
    "NVIDIA-H20": GpuSpeed(148, 4000, 450),
    "NVIDIA-H20-3e": GpuSpeed(148, 4800, 450),
    "NVIDIA-H200": GpuSpeed(989, 4800, 450),
    "NVIDIA-H200-NVL": GpuSpeed(835, 4800, 450),
    "NVIDIA-GH200-480GB": GpuSpeed(989, 4000, 450),
    "NVIDIA-B200": GpuSpeed(2250, 8000, 900),
    "NVIDIA-GB200": GpuSpeed(2500, 8000, 900),
    "NVIDIA-B300-SXM6-AC": GpuSpeed(2250, 8000, 900),
    "NVIDIA-RTX-A4000": GpuSpeed(77, 448, _PCIE_4),
    "NVIDIA-RTX-A4500": GpuSpeed(95, 640, _PCIE_4),
    "NVIDIA-RTX-A5000": GpuSpeed(111, 768, _PCIE_4),
    "NVIDIA-RTX-A6000": GpuSpeed(155, 768, _PCIE_4),
    "NVIDIA-RTX-4000-Ada-Generation": GpuSpeed(82, 360, _PCIE_4),
    "NVIDIA-RTX-5000-Ada-Generation": GpuSpeed(261, 576, _PCIE_4),
    "NVIDIA-RTX-6000-Ada-Generation": GpuSpeed(364, 960, _PCIE_4),
    "NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition": GpuSpeed(500, 1597, _PCIE_5),
    "NVIDIA-RTX-PRO-6000-Blackwell-Workstation-Edition": GpuSpeed(500, 1792, _PCIE_5),
    "NVIDIA-RTX-PRO-6000-Blackwell-Max-Q-Workstation-Edition": GpuSpeed(439, 1792, _PCIE_5),
    "NVIDIA-GeForce-RTX-2080-Ti": GpuSpeed(54, 616, _PCIE_3),
    "NVIDIA-GeForce-RTX-3090": GpuSpeed(71, 936, _PCIE_4),
    "NVIDIA-GeForce-RTX-3090-Ti": GpuSpeed(80, 1008, _PCIE_4),
    "NVIDIA-GeForce-RTX-4090": GpuSpeed(165, 1008, _PCIE_4),
    "NVIDIA-GeForce-RTX-4090-D": GpuSpeed(147, 1008, _PCIE_4),
    "NVIDIA-GeForce-RTX-5090": GpuSpeed(210, 1792, _PCIE_5),
}

_COMPUTE_SLICES = {
    "NVIDIA-A30": 4,
    "NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition": 4,
    "NVIDIA-RTX-PRO-6000-Blackwell-Workstation-Edition": 4,
    "NVIDIA-RTX-PRO-6000-Blackwell-Max-Q-Workstation-Edition": 4,
}
"""Parts into which MIG cuts the multiprocessors of a GPU, where these are not 7."""

_SLOWEST_SLICED = "NVIDIA-A100-SXM4-80GB"
_MIG_SLICE = re.compile(r"(?:(.+)-)?\bMIG-(\d)g\.(\d+)gb", re.IGNORECASE)


def speed_of(product: str) -> GpuSpeed | None:
    """Return the peak rates of a GPU, or None where the catalogue does not know it.

    A MIG slice has its share of the GPU that its name begins with. A profile alone leaves open which GPU is sliced: it
    has its share of an A100 80 GB, the slowest with most of the profiles.

    Args:
        product: as the node label names it, or a MIG profile.

    Example:
        >>> speed_of("NVIDIA-L4")
        GpuSpeed(teraflops=121, memory_gb=300, link_gb=32.0)
        >>> speed_of("Voodoo2") is None
        True
    """
    if mig := _MIG_SLICE.search(product):
        return _speed_of_slice(_known(mig[1]) or find_gpu(_SLOWEST_SLICED), int(mig[2]), int(mig[3]))
    gpu = _known(product)
    return _SPEEDS.get(gpu.product) if gpu else None


def _known(name: str | None) -> Gpu | None:
    try:
        return find_gpu(name) if name else None
    except UnknownGpuError:
        return None


def _speed_of_slice(gpu: Gpu, slices: int, gigabytes: int) -> GpuSpeed:
    whole, whole_gb = _SPEEDS[gpu.product], round(gpu.memory_mib / 1024)
    return GpuSpeed(
        teraflops=whole.teraflops * min(1.0, slices / _COMPUTE_SLICES.get(gpu.product, 7)),
        memory_gb=whole.memory_gb * min(1.0, gigabytes / whole_gb),
        link_gb=0.0,
    )
