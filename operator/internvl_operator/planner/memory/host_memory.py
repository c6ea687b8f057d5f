"""The host memory that a replica needs, and the time that it takes to start."""

from math import ceil

from internvl_operator.catalog.engines import engine
from internvl_operator.catalog.models import Backend

_SERVER_MIB = 6144
"""An allowance for the server's own pages: Python, PyTorch, CUDA, pictures on their way. The weights are
mapped files, which count as page cache."""

_RANK_MIB = 2048
"""An allowance for each further rank: its CUDA context and pinned buffers."""

_SHARED_MEMORY_MIB = 1024
"""/dev/shm of one rank: Python's own use and NCCL's buffers."""

_PIXELS = 3 * 448 * 448
_PIXEL_BYTES = 2
_PHASES = 2
"""Steps in flight at once (``--async 1``)."""

_LOADING_MIB_PER_SECOND = 200e6 / (1 << 20)
"""200 MB of weights per second and rank: what a modest network file system gives."""

_START_SECONDS = {Backend.TURBOMIND: 20, Backend.PYTORCH: 60}
"""From process start to an open port, without the loading of the weights: 1B and 4B, with their files in the page
cache, need 14 and 61 seconds (tests/measurements/h200-lmdeploy-0.18.0.csv)."""


def shared_memory_mib(tp: int) -> int:
    """Return the size of /dev/shm in MiB: NCCL and the ranks' processes exchange data there."""
    return _SHARED_MEMORY_MIB * max(2, tp)


def host_memory_mib(backend: Backend, tp: int, version: str, max_batch_size: int) -> int:
    """Return the memory that a replica takes of its node in MiB, /dev/shm included, page cache not.

    Raises:
        UnknownEngineError: the engine's version is not supported.
    """
    release = engine(version)
    own = _SERVER_MIB + _RANK_MIB * (tp - 1) + shared_memory_mib(tp)
    if backend is Backend.TURBOMIND and release.pins_vision_memory:
        own += tp * pinned_vision_mib(release.default_max_prefill_token_num, max_batch_size)
    return own


def pinned_vision_mib(max_prefill_token_num: int, max_batch_size: int) -> int:
    """Return the MiB of host memory that TurboMind 0.16 and 0.17 pin on each rank for images.

    One tile's pixels for each token of a step (lmdeploy: ``src/turbomind/models/internvit/internvit.cc``).
    """
    tiles = max_prefill_token_num + max_batch_size
    return ceil(tiles * _PIXELS * _PIXEL_BYTES * _PHASES / (1 << 20))


def expected_start_seconds(weights_mib_per_rank: int, backend: Backend) -> int:
    """Return the seconds from process start to an open port, the files not in the page cache."""
    return ceil(_START_SECONDS[backend] + weights_mib_per_rank / _LOADING_MIB_PER_SECOND)
