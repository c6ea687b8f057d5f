"""What the engine and the downloader write at the end of their logs, and what it means.

The kubelet keeps the last 2048 bytes or 80 lines of a failed container's log as its termination message
(``terminationMessagePolicy: FallbackToLogsOnError``). The texts without a source were printed by LMDeploy 0.18.0
on an H200, brought to each end: tests/measurements/endings-h200-lmdeploy-0.18.0.csv.
"""

import re
from dataclasses import dataclass

_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(Error|Exception): ")

OUT_OF_GPU_MEMORY = (
    # TurboMind, while it loads weights and in its warm-up (exit code 134):
    # [TM][FATAL][...][allocator.cc:49] CUDA error: out of memory
    "CUDA error: out of memory",
    # TurboMind up to 0.15: [TM][ERROR] CUDA runtime error: out of memory (InternLM/lmdeploy issues 2236, 2381)
    "CUDA runtime error: out of memory",
    # PyTorch: torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 96.00 MiB.
    "CUDA out of memory",
    "torch.OutOfMemoryError",
    # LMDeploy's PyTorch engine when nothing is left for the KV cache (lmdeploy/pytorch/engine/executor/base.py)
    "No enough gpu memory",
)

REJECTED_FLAGS = (
    # lmdeploy: error: unrecognized arguments: --no-such-flag 1
    "error: unrecognized arguments:",
    # lmdeploy serve api_server: error: argument --log-level: invalid choice: 'LOUD' (choose from ...)
    # lmdeploy serve api_server: error: argument --session-len: invalid int value: 'many'
    "error: argument ",
    # argparse of Python
    "error: the following arguments are required:",
    "error: ambiguous option:",
)

ENGINE_PROCESS_DIED = "PyTorch ZMQ engine process is not alive"
"""The PyTorch backend's server when its engine died, whose own last words are further up in the log."""


@dataclass(frozen=True, slots=True)
class DownloadError:
    """A way in which a download fails.

    Args:
        texts: one of them is in the log.
        advice: the next step.
        may_pass: whether another try may go well.
    """

    texts: tuple[str, ...]
    advice: str
    may_pass: bool = False


DOWNLOAD_ERRORS = (
    DownloadError(
        ("No space left on device", "ENOSPC"),
        "the volume for the model is full: give the node more ephemeral storage, or use model.source or model.cache",
    ),
    DownloadError(
        ("is not whole",),
        "files are missing or cut short in the repository: check model.repository and model.revision",
    ),
    DownloadError(
        ("GatedRepoError", "403 Client Error", "403 Forbidden"),
        "access is refused: request access to the repository, "
        "and name a token that has it in model.source.huggingFace.tokenSecretRef",
    ),
    DownloadError(
        ("RevisionNotFoundError",),
        "the repository has no such revision: correct model.revision",
    ),
    DownloadError(
        # The hub answers 401 for a repository that does not exist, too, so that nobody can find out which do.
        (
            "RepositoryNotFoundError",
            "401 Client Error",
            "401 Unauthorized",
            "404 Client Error",
            "Invalid user token",
        ),
        "there is no such repository, or it is private: correct model.repository, "
        "or name a valid token in model.source.huggingFace.tokenSecretRef",
    ),
    DownloadError(
        ("429 Client Error", "Too Many Requests"),
        "the hub limits the rate of requests: it is tried again, and a token raises the limit",
        may_pass=True,
    ),
    DownloadError(
        ("SSLError", "CERTIFICATE_VERIFY_FAILED", "SSLCertVerificationError"),
        "the hub's certificate is not trusted: an intercepting proxy needs its authority in the image",
    ),
    DownloadError(
        (
            "Name or service not known",
            "Temporary failure in name resolution",
            "NameResolutionError",
            "Network is unreachable",
            "No route to host",
            "Connection refused",
            "ConnectTimeout",
            "ReadTimeout",
            "ProxyError",
            "ConnectionError",
            "LocalEntryNotFoundError",
            "ChunkedEncodingError",
            "IncompleteRead",
            "RemoteProtocolError",
            "Server Error",
        ),
        "the hub cannot be reached: it is tried again; let the pods reach it, name a mirror in "
        "model.source.huggingFace.endpoint, or bring the files with model.source",
        may_pass=True,
    ),
)
"""What huggingface_hub raises (``huggingface_hub/errors.py``) and what its HTTP client says, the surest first."""


def line_with(log: str, texts: tuple[str, ...]) -> str | None:
    """Return the last line of a log that holds one of some texts, or None."""
    return next((line for line in reversed(lines(log)) if any(text in line for text in texts)), None)


def last_words(log: str) -> str:
    """Return the line of a log that best explains its end: the last Python exception, else the last line."""
    said = lines(log)
    exceptions = [line for line in said if _EXCEPTION.match(line)]
    return next(reversed(exceptions or said), "")


def lines(log: str) -> list[str]:
    """Return the lines of a log; of a progress bar, which overwrites itself, what stands in the end."""
    return [text for line in log.split("\n") if (text := line.rpartition("\r")[2].strip())]
