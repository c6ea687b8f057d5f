"""The memory that GPUs use, in MiB, read from the output of nvidia-smi or of NVIDIA's DCGM exporter."""

import json

NVIDIA_SMI = ("nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits")
"""Prints a number of MiB for each GPU of a container."""

DCGM_USED = "DCGM_FI_DEV_FB_USED"
"""The exporter's metric of used memory, in MiB."""


class ReadingError(ValueError):
    """The used memory cannot be read; the message says why."""


def nvidia_smi_memory(output: str) -> tuple[int, ...]:
    """Return the used memory of each GPU from what NVIDIA_SMI prints.

    Raises:
        ReadingError: it printed something else.
    """
    try:
        used = tuple(int(line) for line in output.split("\n") if line.strip())
    except ValueError:
        raise ReadingError(f"nvidia-smi printed {output.strip()!r}") from None
    if not used:
        raise ReadingError("nvidia-smi names no GPU")
    return used


def prometheus_query(namespace: str, pod: str, since: float) -> str:
    """Return the query for the used memory of each GPU of a pod.

    Prometheus renames the exporter's own labels unless it is configured to keep them (``honorLabels``).

    Args:
        namespace: of the pod.
        pod: its name.
        since: seconds since the epoch; what was scraped before does not count.
    """
    own = f'{DCGM_USED}{{namespace="{namespace}",pod="{pod}"}}'
    renamed = f'{DCGM_USED}{{exported_namespace="{namespace}",exported_pod="{pod}"}}'
    return " or ".join(f"({each} and timestamp({each}) > {since:.0f})" for each in (own, renamed))


def prometheus_memory(answer: str) -> tuple[int, ...]:
    """Return the used memory of each GPU from Prometheus's answer to a query (``/api/v1/query``).

    Raises:
        ReadingError: it is another answer, or holds no GPU.
    """
    try:
        series = json.loads(answer)["data"]["result"]
        used = tuple(round(float(each["value"][1])) for each in series)
    except (ValueError, KeyError, TypeError, IndexError):
        raise ReadingError(f"Prometheus answers {answer[:200]!r}") from None
    if not used:
        raise ReadingError(f"Prometheus has no {DCGM_USED} of the pod")
    return used
