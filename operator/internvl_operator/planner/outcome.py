"""What becomes of a configuration."""

from enum import StrEnum


class Outcome(StrEnum):
    """What the engine does with a configuration, from the best to the worst."""

    OK = "ok"
    """It starts and holds a session of the length asked for."""

    LOAD_NOT_CARRIED = "load_not_carried"
    """It serves, but no number of replicas carries the load that was asked for."""

    SESSION_EXCEEDS_KV = "session_exceeds_kv"
    """It starts, but cannot serve one session: the KV cache, or the memory that it leaves free, is too small."""

    NO_KV_FOR_SESSION = "no_kv_for_session"
    """The KV cache is too small for the warm-up, which then waits for ever: the port never opens."""

    OOM = "oom"
    """Out of GPU memory."""

    REJECTED = "rejected"
    """The engine refuses it: its tensor parallelism, backend or quantization."""
