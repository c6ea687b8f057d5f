"""The host's cores: how many a replica requests, and how many threads its server starts on them.

Measured with LMDeploy 0.18.0 on an H100: docs/serving-speed.md
"""

from internvl_operator.planner.memory.host_needs import CPU_MILLIS_PER_GPU
from internvl_operator.text.quantity import parse_quantity

_OPENMP_THREADS = 2
"""Not set, PyTorch starts a thread for each core of the node: 8B then serves 40 % of the images, and 1B 16 %.

One thread serves as many images of 8B and 18 % fewer of 1B, which waits for the preprocessing of images.
"""


def cpu_request(gpus: int, offered_millis: int | None = None) -> str:
    """Return the cores that a replica requests, as a Kubernetes quantity.

    Args:
        gpus: the number of GPUs of one replica.
        offered_millis: thousandths of a core that the nodes leave to it, where that is less than serves fastest.
    """
    return str(CPU_MILLIS_PER_GPU * gpus // 1000) if offered_millis is None else f"{offered_millis}m"


def thread_variables(cpu: str, gpus: int) -> dict[str, str]:
    """Return the environment variables that say how many threads OpenMP starts, and how they wait.

    Threads that spin while they wait are faster as long as each has a core. On 2 cores they take the cores from the
    rest of the server: 1B then serves a third of the images.

    Args:
        cpu: the cores that the replica requests, as a Kubernetes quantity.
        gpus: the number of GPUs of one replica.

    Example:
        >>> thread_variables("3", gpus=1)
        {'OMP_NUM_THREADS': '2'}
        >>> thread_variables("1500m", gpus=1)
        {'OMP_NUM_THREADS': '2', 'OMP_WAIT_POLICY': 'PASSIVE'}
    """
    variables = {"OMP_NUM_THREADS": str(_OPENMP_THREADS)}
    if not _is_enough(cpu, gpus):
        variables["OMP_WAIT_POLICY"] = "PASSIVE"
    return variables


def _is_enough(cpu: str, gpus: int) -> bool:
    try:
        return parse_quantity(cpu) >= CPU_MILLIS_PER_GPU * gpus / 1000
    except ValueError:
        # The API server refuses a text that is no quantity, and names the field.
        return False
