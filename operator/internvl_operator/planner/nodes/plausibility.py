"""Which numbers of a node may be true. Who may label a node may write anything; what cannot be true is not used."""

from collections.abc import Mapping

MOST_GPUS = 1024
"""Far above any node: 16 GPUs, or 7 MIG slices of each of 8."""

_MEMORY_MIB = range(1024, 16 * 1024 * 1024)
_CAPABILITY = range(100)
_DRIVER = range(10_000)
_NUMBERS = {
    "nvidia.com/gpu.memory": _MEMORY_MIB,
    "karpenter.k8s.aws/instance-gpu-memory": _MEMORY_MIB,
    "eks.amazonaws.com/instance-gpu-memory": _MEMORY_MIB,
    "nvidia.com/cuda.driver-version.major": _DRIVER,
    "nvidia.com/cuda.driver-version.minor": _DRIVER,
    "nvidia.com/cuda.driver.major": _DRIVER,
    "nvidia.com/cuda.driver.minor": _DRIVER,
    "nvidia.com/gpu.compute.major": _CAPABILITY,
    "nvidia.com/gpu.compute.minor": _CAPABILITY,
}
_MOST_DIGITS = 9
_SHOWN = 24


def plausible_number(labels: Mapping[str, str], key: str) -> int | None:
    """Return the number in a label of a GPU, or None where there is none that may be true."""
    text = labels.get(key, "")
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        return None
    number = int(text)
    return number if number in _NUMBERS[key] else None


def implausible_labels(labels: Mapping[str, str]) -> list[str]:
    """Return the labels, as ``key=value``, whose numbers cannot be true; an absent or empty one says nothing."""
    return [
        f"{key}={text if len(text) <= _SHOWN else text[:_SHOWN] + '...'}"
        for key in _NUMBERS
        if (text := labels.get(key, "")) not in ("", "0") and plausible_number(labels, key) is None
    ]
