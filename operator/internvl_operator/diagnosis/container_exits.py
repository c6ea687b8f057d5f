"""Why a container ended: from its exit code, its reason and the end of its log."""

from dataclasses import dataclass
from datetime import datetime

from internvl_operator.api.reasons import Outlook, Reason
from internvl_operator.catalog.engines import max_prefill_token_num
from internvl_operator.diagnosis.finding import Finding, finding
from internvl_operator.diagnosis.log_lines import (
    DOWNLOAD_ERRORS,
    ENGINE_PROCESS_DIED,
    NO_CODE_FOR_GPU,
    NO_DRIVER,
    OUT_OF_GPU_MEMORY,
    REJECTED_FLAGS,
    last_words,
    line_with,
)
from internvl_operator.diagnosis.pods import Container, Pod, Termination
from internvl_operator.planner.plan import Plan

_KILLED = (137, 143)
"""Exit codes of SIGKILL and SIGTERM, in this order.

When the startup probe fails, the kubelet sends SIGTERM, and SIGKILL after the grace period.
"""

_ABORTED = (134, 139)
"""Exit codes of SIGABRT and SIGSEGV, with which TurboMind ends when CUDA fails."""

_LONGEST_QUOTE = 300
"""Characters of a log line that a message quotes."""

_CRASH_STALLED_AFTER_RESTARTS = 2
"""One crash may be an accident; an engine that has restarted so often will not recover by itself."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is expected of a pod, as its plan and its pod template say.

    Args:
        plan: the plan by which the pod runs.
        startup_budget: seconds after which the startup probe fails for good, if the port is still closed.
        has_volume: whether the pod mounts any volume that is not an emptyDir.
    """

    plan: Plan
    startup_budget: float
    has_volume: bool


def why_ended(pod: Pod, container: Container, end: Termination, expected: Expectation) -> Finding:
    """Return why a container of the server ended."""
    plan, log = expected.plan, end.message
    if end.exit_code == 2 and (line := line_with(log, REJECTED_FLAGS)):
        return finding(
            Reason.ENGINE_REJECTED_FLAGS,
            f"LMDeploy {plan.engine} refuses its command line: {quote(line)}; correct engine.extraArgs, or "
            "engine.version if engine.image holds another release",
        )
    if end.exit_code in _KILLED and not was_ready(pod, end) and _seconds(end) >= expected.startup_budget:
        return _hung(pod, expected, log)
    if line := line_with(log, OUT_OF_GPU_MEMORY):
        return finding(
            Reason.OUT_OF_GPU_MEMORY,
            f"the engine ran out of GPU memory: {quote(line)}; the plan takes {plan.memory.used_mib} of "
            f"{plan.gpu_memory_mib} MiB: see with nvidia-smi on {pod.node} whether something else uses the GPU; "
            f"else {_WAYS_TO_SAVE_GPU_MEMORY}",
        )
    if end.reason == "OOMKilled":
        return finding(
            Reason.OOM_KILLED,
            f"container {container.name} was killed for its host memory, not for the GPU's: raise or remove the "
            "memory limit in podTemplate.resources, or lower engine.maxBatchSize",
        )
    outlook = Outlook.STALLED if container.restarts >= _CRASH_STALLED_AFTER_RESTARTS else Outlook.WAITING
    return Finding(Reason.CRASH_LOOPING, _crash(pod, container, end), outlook)


def why_download_failed(pod: Pod, container: Container, end: Termination, expected: Expectation) -> Finding:
    """Return why the init container that downloads the model ended with an error."""
    if end.reason == "OOMKilled":
        return finding(
            Reason.OOM_KILLED,
            f"init container {container.name} of {pod.name} was killed for its host memory: raise or remove the memory "
            "limit in podTemplate.resources.limits, which bounds the download too",
        )
    what = f"{expected.plan.repository} cannot be fetched"
    for error in DOWNLOAD_ERRORS:
        if line := line_with(end.message, error.texts):
            outlook = Outlook.WAITING if error.may_pass else Outlook.STALLED
            return Finding(Reason.DOWNLOAD_FAILED, f"{what}: {error.advice} ({quote(line)})", outlook)
    said = f": {quote(last_words(end.message))}" if end.message else ""
    return finding(
        Reason.DOWNLOAD_FAILED,
        f"{what}: init container {container.name} ended with exit code {end.exit_code}{said}; "
        f"see: kubectl logs {pod.name} -c {container.name}",
    )


def was_ready(pod: Pod, end: Termination) -> bool:
    """Return whether the pod became ready during the run of its container that ended so.

    If it did, the condition Ready went from True to False when the run ended, so its last transition is later than the
    start of the run. If it did not, the transition is older.
    """
    ready = pod.condition("Ready")
    return ready is not None and ready.since > end.started_at


def ended_with(end: Termination) -> str:
    """Return how a container ended, in a few words that are the same for each crash of the same cause."""
    line = line_with(end.message, OUT_OF_GPU_MEMORY)
    return f"exit code {end.exit_code}" + (
        f", {quote(line)}" if line else f", {end.reason}" if end.reason else ""
    )


def quote(line: str) -> str:
    """Return a line of a log, cut to the length that a message may quote."""
    return line if len(line) <= _LONGEST_QUOTE else line[: _LONGEST_QUOTE - 3] + "..."


_WAYS_TO_SAVE_GPU_MEMORY = (
    "lower engine.cacheMaxEntryCount, engine.sessionLen or engine.maxBatchSize, "
    "give it more GPUs (engine.tp), or use quantization AWQ"
)


def _hung(pod: Pod, expected: Expectation, log: str) -> Finding:
    plan = expected.plan
    warm_up_tokens = min(plan.options.session_len, max_prefill_token_num(plan.engine))
    line = line_with(log, OUT_OF_GPU_MEMORY)
    said = f" ({quote(line)})" if line else ""
    several = "; several GPUs may also hang in NCCL: try engine.env NCCL_P2P_DISABLE=1" if plan.tp > 1 else ""
    return finding(
        Reason.WARMUP_HUNG,
        f"the port stayed closed for {expected.startup_budget:.0f} s, where about {plan.expected_start_seconds} s "
        f"were expected, and the startup probe ended the engine{said}; LMDeploy hangs in its warm-up when the KV "
        f"cache holds fewer than {warm_up_tokens} tokens (planned: {plan.memory.kv_tokens}): "
        f"see with nvidia-smi on {pod.node} whether something else uses the GPU; else lower engine.sessionLen, raise "
        f"engine.cacheMaxEntryCount, or give it more GPUs (engine.tp){several}; if the weights load slowly, use a "
        "faster volume",
    )


def _crash(pod: Pod, container: Container, end: Termination) -> str:
    words = line_with(end.message, (*NO_CODE_FOR_GPU, *NO_DRIVER)) or last_words(end.message)
    said = f", saying: {quote(words)}" if words else ""
    hint = ""
    if line_with(end.message, NO_CODE_FOR_GPU):
        hint = "the image has no code for this GPU: choose another spec.gpu, engine.version or engine.image; "
    elif line_with(end.message, NO_DRIVER):
        hint = (
            "the container sees no GPU driver: set podTemplate.runtimeClassName (nvidia on k3s and RKE2; "
            f"platformDefaults.runtimeClassName for all), or update the driver of {pod.node}; "
        )
    elif end.exit_code in _ABORTED:
        hint = "this exit code often means that GPU memory ran out or a CUDA call failed; "
    elif ENGINE_PROCESS_DIED in end.message:
        hint = "its own error, often GPU memory that ran out, is further up in the log; "
    return (
        f"container {container.name} of {pod.name} ends with {ended_with(end)}{said}; {hint}"
        f"see: kubectl logs {pod.name} -c {container.name} --previous"
    )


def _seconds(end: Termination) -> float:
    if not end.started_at or not end.finished_at:
        return 0.0
    started, finished = (datetime.fromisoformat(time) for time in (end.started_at, end.finished_at))
    return (finished - started).total_seconds()
