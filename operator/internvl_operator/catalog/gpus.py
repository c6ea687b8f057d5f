"""The GPU catalogue: the memory and compute capability behind each name that a cluster gives to a GPU.

Products are named as GPU Feature Discovery writes them into the node label ``nvidia.com/gpu.product``: the
device's name with dashes. Memory is the total that nvidia-smi shows with ECC as delivered, and so the label
``nvidia.com/gpu.memory``; the figures are those of nvidia-smi listings published with bug reports and
benchmarks. Compute capabilities are those of NVIDIA's CUDA GPU list, cloud names those of GKE's accelerator
label and of EC2's instance types, which Karpenter writes in lower case.
"""

import re
from dataclasses import dataclass

_VOLTA, _TURING, _AMPERE, _AMPERE_RTX = (7, 0), (7, 5), (8, 0), (8, 6)
_ADA, _HOPPER, _BLACKWELL, _BLACKWELL_ULTRA, _BLACKWELL_RTX = (8, 9), (9, 0), (10, 0), (10, 3), (12, 0)


class UnknownGpuError(ValueError):
    """The catalogue has no such GPU; the message names the nearest that it has."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU product.

    Attributes:
        product: value of the node label ``nvidia.com/gpu.product``.
        memory_mib: total memory as nvidia-smi shows it, MiB.
        compute_capability: CUDA compute capability, (major, minor).
        aliases: other names of it: short ones, GKE's and Karpenter's.
        processor: of the machines that have it, as the node label ``kubernetes.io/arch`` names it.
    """

    product: str
    memory_mib: int
    compute_capability: tuple[int, int]
    aliases: tuple[str, ...] = ()
    processor: str = "amd64"

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that finds the GPU, the shortest form of its product first."""
        return (re.sub("^(NVIDIA-)?(GeForce-|Tesla-)?", "", self.product), self.product, *self.aliases)

    @property
    def nicknames(self) -> tuple[str, ...]:
        """Those names that are no value of the label: NVIDIA's driver writes its brand first."""
        return tuple(n for n in self.names if n != self.product and not n.startswith("NVIDIA-"))


@dataclass(frozen=True, slots=True)
class MigProfile:
    """One slice of a GPU that is partitioned by MIG.

    Attributes:
        product: the profile, such as ``mig-3g.40gb``.
        memory_mib: memory of the slice on the least of the GPUs that have the profile, MiB.
        compute_capability: that of the oldest of the GPUs that have the profile.
    """

    product: str
    memory_mib: int
    compute_capability: tuple[int, int]


GPUS = (
    Gpu("Tesla-T4", 15360, _TURING, ("NVIDIA-T4", "nvidia-tesla-t4")),
    Gpu("NVIDIA-T4G", 15360, _TURING, processor="arm64"),
    Gpu("Tesla-V100-SXM2-16GB", 16384, _VOLTA, ("V100", "V100-16GB", "nvidia-tesla-v100")),
    Gpu("Tesla-V100-PCIE-16GB", 16384, _VOLTA),
    Gpu("Tesla-V100-SXM2-32GB", 32768, _VOLTA, ("V100-32GB",)),
    Gpu("Tesla-V100-PCIE-32GB", 32768, _VOLTA),
    Gpu("NVIDIA-A2", 15356, _AMPERE_RTX),
    Gpu("NVIDIA-A10", 23028, _AMPERE_RTX),
    Gpu("NVIDIA-A10G", 23028, _AMPERE_RTX),
    Gpu("NVIDIA-A16", 15356, _AMPERE_RTX),
    Gpu("NVIDIA-A30", 24576, _AMPERE),
    Gpu("NVIDIA-A40", 46068, _AMPERE_RTX),
    Gpu("NVIDIA-A100-SXM4-40GB", 40960, _AMPERE, ("A100", "A100-40GB", "nvidia-tesla-a100")),
    Gpu("NVIDIA-A100-PCIE-40GB", 40960, _AMPERE),
    Gpu("NVIDIA-A100-SXM4-80GB", 81920, _AMPERE, ("A100-80GB", "nvidia-a100-80gb")),
    Gpu("NVIDIA-A100-80GB-PCIe", 81920, _AMPERE, ("A100-PCIE-80GB",)),
    Gpu("NVIDIA-A800-SXM4-80GB", 81920, _AMPERE, ("A800", "A800-80GB")),
    Gpu("NVIDIA-A800-80GB-PCIe", 81920, _AMPERE, ("A800-PCIE-80GB",)),
    Gpu("NVIDIA-L4", 23034, _ADA),
    Gpu("NVIDIA-L20", 46068, _ADA),
    Gpu("NVIDIA-L40", 46068, _ADA),
    Gpu("NVIDIA-L40S", 46068, _ADA),
    Gpu(
        "NVIDIA-H100-80GB-HBM3",
        81559,
        _HOPPER,
        ("H100", "H100-80GB", "H100-SXM5-80GB", "nvidia-h100-80gb", "nvidia-h100-mega-80gb"),
    ),
    Gpu("NVIDIA-H100-PCIe", 81559, _HOPPER, ("H100-PCIE-80GB",)),
    Gpu("NVIDIA-H100-NVL", 95830, _HOPPER, ("H100-94GB",)),
    Gpu("NVIDIA-H800", 81559, _HOPPER, ("H800-80GB",)),
    Gpu("NVIDIA-H20", 97871, _HOPPER, ("H20-96GB",)),
    Gpu("NVIDIA-H20-3e", 143771, _HOPPER, ("H20-141GB",)),
    Gpu("NVIDIA-H200", 143771, _HOPPER, ("H200-141GB", "H200-SXM5-141GB", "nvidia-h200-141gb")),
    Gpu("NVIDIA-H200-NVL", 143771, _HOPPER),
    Gpu("NVIDIA-GH200-480GB", 97871, _HOPPER, ("GH200", "GH200-96GB", "NVIDIA-GH200-120GB"), "arm64"),
    Gpu("NVIDIA-B200", 183359, _BLACKWELL),
    Gpu("NVIDIA-GB200", 189471, _BLACKWELL, processor="arm64"),
    Gpu("NVIDIA-B300-SXM6-AC", 275040, _BLACKWELL_ULTRA, ("B300", "nvidia-b300")),
    Gpu("NVIDIA-RTX-A4000", 16376, _AMPERE_RTX, ("A4000",)),
    Gpu("NVIDIA-RTX-A4500", 20470, _AMPERE_RTX, ("A4500",)),
    Gpu("NVIDIA-RTX-A5000", 24564, _AMPERE_RTX, ("A5000",)),
    Gpu("NVIDIA-RTX-A6000", 49140, _AMPERE_RTX, ("A6000",)),
    Gpu("NVIDIA-RTX-4000-Ada-Generation", 20475, _ADA, ("RTX-4000-Ada",)),
    Gpu("NVIDIA-RTX-5000-Ada-Generation", 32760, _ADA, ("RTX-5000-Ada",)),
    Gpu("NVIDIA-RTX-6000-Ada-Generation", 49140, _ADA, ("RTX-6000-Ada",)),
    Gpu(
        "NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition",
        97887,
        _BLACKWELL_RTX,
        ("RTX-PRO-6000", "nvidia-rtx-pro-6000", "rtx-pro-server-6000"),
    ),
    Gpu("NVIDIA-RTX-PRO-6000-Blackwell-Workstation-Edition", 97887, _BLACKWELL_RTX),
    Gpu("NVIDIA-RTX-PRO-6000-Blackwell-Max-Q-Workstation-Edition", 97887, _BLACKWELL_RTX),
    Gpu("NVIDIA-GeForce-RTX-2080-Ti", 11264, _TURING),
    Gpu("NVIDIA-GeForce-RTX-3090", 24576, _AMPERE_RTX),
    Gpu("NVIDIA-GeForce-RTX-3090-Ti", 24564, _AMPERE_RTX),
    Gpu("NVIDIA-GeForce-RTX-4090", 24564, _ADA),
    Gpu("NVIDIA-GeForce-RTX-4090-D", 24564, _ADA),
    Gpu("NVIDIA-GeForce-RTX-5090", 32607, _BLACKWELL_RTX),
)
"""The data-centre and workstation GPUs that InternVL2 is served on."""

_MIG_PROFILES = {
    # A30
    "1g.6gb": (5952, _AMPERE),
    "2g.12gb": (11968, _AMPERE),
    "4g.24gb": (24000, _AMPERE),
    # A100 40 GB
    "1g.5gb": (4864, _AMPERE),
    "2g.10gb": (9984, _AMPERE),
    "3g.20gb": (20096, _AMPERE),
    "4g.20gb": (20096, _AMPERE),
    "7g.40gb": (40448, _AMPERE),
    # A100 and H100 80 GB
    "1g.10gb": (9728, _AMPERE),
    "1g.20gb": (19968, _AMPERE),
    "2g.20gb": (19968, _AMPERE),
    "3g.40gb": (40192, _AMPERE),
    "4g.40gb": (40192, _AMPERE),
    "7g.80gb": (80640, _AMPERE),
    # H100 NVL, H20 and GH200
    "1g.12gb": (10880, _HOPPER),
    "1g.24gb": (22016, _HOPPER),
    "2g.24gb": (22016, _HOPPER),
    "3g.47gb": (47232, _HOPPER),
    "4g.47gb": (47232, _HOPPER),
    "7g.94gb": (94848, _HOPPER),
    "3g.48gb": (47616, _HOPPER),
    "4g.48gb": (47616, _HOPPER),
    # RTX PRO 6000 Blackwell
    "2g.48gb": (47616, _BLACKWELL_RTX),
    "4g.96gb": (95616, _BLACKWELL_RTX),
}
"""MiB and compute capability by MIG profile, from the listings of ``nvidia-smi mig -lgip``."""

_LEAST_MIB_PER_GB = 900
"""Every listed profile has at least so many MiB for a gigabyte in its name; the least is 1g.12gb with 907."""


class _UnknownNameError(UnknownGpuError):
    """No GPU has a name. The nearest are looked for when the message is read: planners ask for a name per node."""

    def __str__(self) -> str:
        (name,) = self.args
        return f"the GPU {name!r} is not known{_suggestion(name)}"


def find_gpu(name: str) -> Gpu:
    """Return the GPU of that name: a product, with or without its brand, or an alias, in any case.

    Spaces are read as dashes, so that nvidia-smi's names are found too.

    Raises:
        UnknownGpuError: no GPU has that name.

    Example:
        >>> find_gpu("a100-80gb").product
        'NVIDIA-A100-SXM4-80GB'
    """
    gpu = _BY_NAME.get(_normal(name))
    if gpu is None:
        raise _UnknownNameError(name)
    return gpu


def mig_profile(resource: str) -> MigProfile:
    """Return the slice behind an extended resource such as ``nvidia.com/mig-3g.40gb``.

    The name leaves open which GPU is sliced, so the least memory and the oldest architecture count; for a
    profile that is not listed the memory is a lower bound from the gigabytes in its name.

    Raises:
        UnknownGpuError: the resource is no MIG profile.
    """
    named = re.fullmatch(r"nvidia\.com/(mig-(\dg\.(\d+)gb))(\.\w+)*", resource)
    if named is None:
        raise UnknownGpuError(f"{resource} is no MIG profile: write one such as nvidia.com/mig-3g.40gb")
    product, profile, gigabytes, _ = named.groups()
    memory_mib, compute_capability = _MIG_PROFILES.get(profile, (_LEAST_MIB_PER_GB * int(gigabytes), _AMPERE))
    return MigProfile(product, memory_mib, compute_capability)


def _normal(name: str) -> str:
    return name.strip().replace(" ", "-").lower()


def _suggestion(name: str) -> str:
    from difflib import get_close_matches  # an error's cost, not a plan's

    shown = {_normal(known): known for gpu in GPUS for known in gpu.names}
    nearest = [shown[match] for match in get_close_matches(_normal(name), shown, cutoff=0.7)]
    return f"; the nearest are {', '.join(nearest)}" if nearest else ""


_BY_NAME = {_normal(name): gpu for gpu in GPUS for name in gpu.names}
