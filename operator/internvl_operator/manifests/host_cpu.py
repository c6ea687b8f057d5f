"""The host's cores: how many a replica requests, and how many threads its server starts on them.

Measured with LMDeploy 0.18.0 on an H100: docs/serving-speed.md
"""

from internvl_operator.planner.memory.host_needs import CPU_MILLIS_PER_GPU
from internvl_operator.text.quantity import parse_quantity

_OPENMP_THREADS = 2
"""The value of OMP_NUM_THREADS.

Without the variable PyTorch starts one thread per core of the node, and throughput drops: 8B answers 40 % of the
requests with an image that it answers with two threads, 1B 16 %. With one thread 8B is as fast as with two, and 1B is
18 % slower, as it waits for the preprocessing of images.
"""


def cpu_request(gpus: int, offered_millis: int | None = None) -> str:
    """Return the CPU request of a replica, as a Kubernetes quantity.

    Args:
        gpus: the number of GPUs of one replica.
        offered_millis: the most that the nodes can offer, in thousandths of a core; None where they can offer as much
            as the replica needs to serve at full speed.

    Example:
        >>> cpu_request(2), cpu_request(1, offered_millis=2500)
        ('6', '2500m')
    """
    return str(CPU_MILLIS_PER_GPU * gpus // 1000) if offered_millis is None else f"{offered_millis}m"


def thread_variables(cpu: str, gpus: int) -> dict[str, str]:
    """Return the environment variables that set how many threads OpenMP starts, and how idle threads wait.

    By default idle threads spin. That is faster while each thread has a core. With 2 cores, spinning threads take CPU
    time from the rest of the server, and 1B answers a third of the requests: with too few cores they sleep instead.

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
    if not _serves_at_full_speed(cpu, gpus):
        variables["OMP_WAIT_POLICY"] = "PASSIVE"
    return variables


def _serves_at_full_speed(cpu: str, gpus: int) -> bool:
    try:
        return parse_quantity(cpu) >= CPU_MILLIS_PER_GPU * gpus / 1000
    except ValueError:
        # Not a quantity: the API server refuses the pod template, and its message names the field.
        return False
