"""The engine loads, runs out of memory, hangs, or does not take its command line."""

from __future__ import annotations

from internvl_operator.api.reasons import Outlook, Reason
from tests.unit.diagnosis_cases.case import (
    BAD_CHOICE_LOG,
    BAD_VALUE_LOG,
    BUDGET,
    DEAD_ENGINE_LOG,
    HANG_LOG,
    OLD_OOM_LOG,
    OOM_LOG,
    PLAN,
    UNKNOWN_FLAG_LOG,
    Case,
    crashed,
)
from tests.unit.pods import (
    at,
    container,
    placed,
    running,
    terminated,
)

CASES = {
    "the weights are loaded": Case(
        Reason.LOADING_WEIGHTS,
        [placed(container(running(12)))],
        (
            f"loading the weights since {at(12)}; expected: about {PLAN.expected_start_seconds} s",
            f"the startup probe restarts it after {BUDGET} s",
        ),
        Outlook.PROGRESS,
    ),
    "the port is open, and the first answer is awaited": Case(
        Reason.LOADING_WEIGHTS, [placed(container(running(12), started=True))]
    ),
    "it loads again after it served": Case(
        Reason.LOADING_WEIGHTS,
        [
            placed(
                container(running(900), terminated(134, OOM_LOG, finished=890), restarts=1),
                ready_since=890,
            )
        ],
        ("restarted after exit code 134", "CUDA error: out of memory"),
        Outlook.PROGRESS,
    ),
    "the GPU's memory ran out": Case(
        Reason.OUT_OF_GPU_MEMORY,
        [crashed(134, OOM_LOG)],
        ("CUDA error: out of memory", "22", "of 23034 MiB", "engine.cacheMaxEntryCount", "gpu-1"),
        Outlook.STALLED,
    ),
    "the GPU's memory ran out, and it loads again": Case(
        Reason.OUT_OF_GPU_MEMORY, [placed(container(running(60), terminated(134, OOM_LOG), restarts=1))]
    ),
    "the GPU's memory ran out, engines up to 0.15": Case(
        Reason.OUT_OF_GPU_MEMORY, [crashed(1, OLD_OOM_LOG)], (OLD_OOM_LOG,)
    ),
    "the GPU's memory ran out, PyTorch": Case(
        Reason.OUT_OF_GPU_MEMORY,
        [crashed(1, "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 96 MiB")],
    ),
    "not it: an exit code alone is a hint": Case(
        Reason.CRASH_LOOPING, [crashed(134, "core dumped")], ("often means that GPU memory ran out",)
    ),
    "not it: an engine process that died without a word is a hint": Case(
        Reason.CRASH_LOOPING, [crashed(1, DEAD_ENGINE_LOG)], ("often GPU memory",)
    ),
    "not it: the host's memory ran out": Case(
        Reason.OOM_KILLED, [crashed(137, "", reason="OOMKilled")], ("podTemplate.resources",), Outlook.STALLED
    ),
    "the warm-up hangs": Case(
        Reason.WARMUP_HUNG,
        [crashed(143, HANG_LOG, finished=10 + BUDGET + 12)],
        ("closed for 300 s", "engine.sessionLen", "engine.cacheMaxEntryCount", "engine.tp"),
        Outlook.STALLED,
    ),
    "the warm-up hangs, had to be killed, and loads again": Case(
        Reason.WARMUP_HUNG,
        [placed(container(running(500), terminated(137, OOM_LOG, finished=400), restarts=1))],
        ("CUDA error: out of memory",),
    ),
    "not it: killed before the budget was used up": Case(
        Reason.CRASH_LOOPING,
        [crashed(143, HANG_LOG, finished=10 + BUDGET - 1)],
        ("exit code 143",),
        Outlook.WAITING,
    ),
    "not it: killed after it was ready": Case(
        Reason.LOADING_WEIGHTS,
        [
            placed(
                container(running(900), terminated(143, HANG_LOG, finished=890), restarts=1), ready_since=800
            )
        ],
    ),
    "a flag is unknown": Case(
        Reason.ENGINE_REJECTED_FLAGS,
        [crashed(2, UNKNOWN_FLAG_LOG)],
        ("unrecognized arguments: --no-such-flag 1", "engine.extraArgs"),
        Outlook.STALLED,
    ),
    "a flag's value is none of its choices": Case(
        Reason.ENGINE_REJECTED_FLAGS, [crashed(2, BAD_CHOICE_LOG)], ("LOUD",)
    ),
    "a flag's value is of the wrong type": Case(
        Reason.ENGINE_REJECTED_FLAGS, [crashed(2, BAD_VALUE_LOG)], ("many",)
    ),
    "not it: exit code 2 of something else": Case(
        Reason.CRASH_LOOPING, [crashed(2, "sh: lmdeploy: not found")]
    ),
    "not it: the words with another exit code": Case(Reason.CRASH_LOOPING, [crashed(1, UNKNOWN_FLAG_LOG)]),
}
