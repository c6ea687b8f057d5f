"""How clusters name a node's GPUs: for each node label, the product behind each of its values.

Sources: GKE's list of accelerator types; the instance types of EC2 and the VM sizes of Azure with their GPUs, which
Karpenter's providers write into labels of their own; NVIDIA's GPU Feature Discovery writes the product itself.
"""

from collections.abc import Iterator, Mapping

from internvl_operator.catalog.nvidia import PRODUCT_LABEL

GKE_LABEL = "cloud.google.com/gke-accelerator"
KARPENTER_LABEL = "karpenter.k8s.aws/instance-gpu-name"
INSTANCE_TYPE_LABEL = "node.kubernetes.io/instance-type"

_T4, _A10, _A10G, _L4, _L40S = "Tesla-T4", "NVIDIA-A10", "NVIDIA-A10G", "NVIDIA-L4", "NVIDIA-L40S"
_V100, _V100_32 = "Tesla-V100-SXM2-16GB", "Tesla-V100-SXM2-32GB"
_A100_40, _A100_80, _A100_PCIE = "NVIDIA-A100-SXM4-40GB", "NVIDIA-A100-SXM4-80GB", "NVIDIA-A100-80GB-PCIe"
_H100, _H100_NVL, _H200 = "NVIDIA-H100-80GB-HBM3", "NVIDIA-H100-NVL", "NVIDIA-H200"
_B200, _B300, _GB200 = "NVIDIA-B200", "NVIDIA-B300-SXM6-AC", "NVIDIA-GB200"
_RTX_PRO = "NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition"

_GKE = {
    "nvidia-tesla-t4": _T4,
    "nvidia-tesla-v100": _V100,
    "nvidia-tesla-a100": _A100_40,
    "nvidia-a100-80gb": _A100_80,
    "nvidia-l4": _L4,
    "nvidia-h100-80gb": _H100,
    "nvidia-h100-mega-80gb": _H100,
    "nvidia-h200-141gb": _H200,
    "nvidia-b200": _B200,
    "nvidia-b300": _B300,
    "nvidia-gb200": _GB200,
    "nvidia-rtx-pro-6000": _RTX_PRO,
}
_EC2: Mapping[str, str | tuple[str, ...]] = {
    "t4": _T4,
    "t4g": "NVIDIA-T4G",
    "v100": (_V100, _V100_32),
    "a10g": _A10G,
    "l4": _L4,
    "l40s": _L40S,
    "a100": (_A100_40, _A100_80),
    "h100": _H100,
    "h200": _H200,
    "b200": _B200,
    "b300": _B300,
    "gb200": _GB200,
    "rtx-pro-server-6000": _RTX_PRO,
}
"""EC2 has two sizes of V100 and of A100 under one name."""

_AZURE: Mapping[str, str | tuple[str, ...]] = {
    "T4": _T4,
    "A10": _A10,
    "A100": (_A100_PCIE, _A100_80),
    "H100": (_H100_NVL, _H100),
    "H200": _H200,
}

_EC2_SIZES = {
    _T4: {"g4dn": "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge metal"},
    "NVIDIA-T4G": {"g5g": "xlarge 2xlarge 4xlarge 8xlarge 16xlarge metal"},
    _V100: {"p3": "2xlarge 8xlarge 16xlarge"},
    _V100_32: {"p3dn": "24xlarge"},
    _A10G: {"g5": "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge"},
    _L4: {
        "g6": "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge",
        "gr6": "4xlarge 8xlarge",
    },
    _L40S: {"g6e": "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge"},
    _A100_40: {"p4d": "24xlarge"},
    _A100_80: {"p4de": "24xlarge"},
    _H100: {"p5": "4xlarge 48xlarge"},
    _H200: {"p5e": "48xlarge", "p5en": "48xlarge"},
    _B200: {"p6-b200": "48xlarge"},
    _B300: {"p6-b300": "48xlarge"},
}
_AZURE_SIZES = {
    _T4: "NC4as_T4_v3 NC8as_T4_v3 NC16as_T4_v3 NC64as_T4_v3",
    "Tesla-V100-PCIE-16GB": "NC6s_v3 NC12s_v3 NC24s_v3 NC24rs_v3",
    _A10: "NV36ads_A10_v5 NV72ads_A10_v5",
    _A100_PCIE: "NC24ads_A100_v4 NC48ads_A100_v4 NC96ads_A100_v4",
    _A100_40: "ND96asr_v4",
    _A100_80: "ND96amsr_A100_v4",
    _H100_NVL: "NC40ads_H100_v5 NC80adis_H100_v5",
    _H100: "ND96isr_H100_v5",
    _H200: "ND96isr_H200_v5",
}
_EC2_TYPES = {
    f"{family}.{size}": product
    for product, families in _EC2_SIZES.items()
    for family, sizes in families.items()
    for size in sizes.split()
}
_AZURE_TYPES = {
    f"Standard_{size}": product for product, sizes in _AZURE_SIZES.items() for size in sizes.split()
}

PRODUCTS_BY_LABEL: Mapping[str, Mapping[str, str | tuple[str, ...]]] = {
    GKE_LABEL: _GKE,
    KARPENTER_LABEL: _EC2,
    "eks.amazonaws.com/instance-gpu-name": _EC2,  # EKS Auto Mode
    "k8s.amazonaws.com/accelerator": {**_EC2, "nvidia-tesla-v100": _V100},  # the cluster autoscaler on AWS
    "karpenter.azure.com/sku-gpu-name": _AZURE,
    INSTANCE_TYPE_LABEL: {**_EC2_TYPES, **_AZURE_TYPES},
}
"""The labels in the order in which they are asked, the surest first; of several products the smallest comes first."""

MEMORY_OF_LABEL: Mapping[str, str] = {
    KARPENTER_LABEL: "karpenter.k8s.aws/instance-gpu-memory",
    "eks.amazonaws.com/instance-gpu-name": "eks.amazonaws.com/instance-gpu-memory",
}
"""For labels whose value names a GPU but not its memory: the label that has the memory in MiB."""


def label_of_name(name: str) -> str | None:
    """Return the label of a cloud that has exactly this value; None for a short name, which no cloud uses.

    Example:
        >>> label_of_name("nvidia-l4"), label_of_name("NVIDIA-L4"), label_of_name("L4")
        ('cloud.google.com/gke-accelerator', None, None)
    """
    return next((label for label in (GKE_LABEL, KARPENTER_LABEL) if name in PRODUCTS_BY_LABEL[label]), None)


def products_of(label: str, name: str) -> tuple[str, ...]:
    """Return the products that a value of a label may mean, the smallest first; none for an unknown value."""
    products = PRODUCTS_BY_LABEL[label].get(name, ())
    return (products,) if isinstance(products, str) else products


def names_of(product: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each label by which a node may name a product, with the names that it has there."""
    yield PRODUCT_LABEL, (product,)
    for label, known in PRODUCTS_BY_LABEL.items():
        if names := tuple(name for name in known if product in products_of(label, name)):
            yield label, names


CLOUD_NAMES = (*_GKE, *_EC2)
"""Names that are accepted as a product in addition to those of the GPU catalogue."""
