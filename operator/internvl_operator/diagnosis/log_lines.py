"""What the engine and the downloader write at the end of their logs, and what it means.

The kubelet keeps the last 2048 bytes or 80 lines of a failed container's log as its termination message
(``terminationMessagePolicy: FallbackToLogsOnError``). The texts without a source were printed by LMDeploy 0.18.0
on an H200, brought to each end: tests/measurements/endings-h200-lmdeploy-0.18.0.csv.
"""

import re
from dataclasses import dataclass

_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(Error|Exception): ")

_FATAL = re.compile(
    r"\[(FATAL|F)\]|^F\d{4} |CUDA( runtime)? error|terminate called|what\(\):|NCCL (error|failure)", re.I
)
"""How TurboMind, glog and the C++ runtime begin the line that says why they end."""

_STACK_FRAME = re.compile(
    r"^(\*\*\*|@ +0x|#\d+ |\[ *\d+\] |\[[^\]]*:\d+\] \*\*\*|File \"|Traceback|Aborted|Segmentation fault|[\^~ ]+$)"
)
"""What a stack trace is made of, of C++ (backward-cpp, glog, gdb, Open MPI) and of Python."""

NO_CODE_FOR_GPU = (
    # CUDA, where an image has no code for a GPU's architecture.
    "no kernel image is available",
    "is not compatible with the current PyTorch installation",
)

NO_DRIVER = (
    # PyTorch and CUDA in a container that the NVIDIA runtime did not prepare.
    "Found no NVIDIA driver on your system",
    "CUDA driver version is insufficient for CUDA runtime version",
    "no CUDA-capable device is detected",
    "libcuda.so.1: cannot open shared object file",
)

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
        "the hub's certificate is not trusted: name an intercepting proxy's authority in the installation's "
        "platformDefaults.caBundle",
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
    """Return the line of a log that best explains its end.

    That is the last Python exception, else the last line that C++ calls fatal, else the last that is no part of a stack
    trace.
    """
    said = lines(log)
    exceptions = [line for line in said if _EXCEPTION.match(line)]
    fatal = [line for line in said if _FATAL.search(line) and not _STACK_FRAME.match(line)]
    others = [line for line in said if not _STACK_FRAME.match(line)]
    return next((each[-1] for each in (exceptions, fatal, others, said) if each), "")


def lines(log: str) -> list[str]:
    """Return the lines of a log; of a progress bar, which overwrites its line, the last state."""
    return [text for line in log.split("\n") if (text := line.rpartition("\r")[2].strip())]
