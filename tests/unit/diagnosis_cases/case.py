"""A state of the cluster, and the pieces that several of them are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from internvl_operator.api.reasons import Outlook, Reason
from internvl_operator.diagnosis.diagnose import diagnose
from internvl_operator.diagnosis.finding import Finding
from internvl_operator.planner.nodes.inventory import GpuPool, Inventory
from internvl_operator.planner.plan import make_plan
from internvl_operator.planner.request import PlanRequest
from tests.unit.pods import (
    REVISION,
    condition,
    container,
    deployment,
    fetching,
    placed,
    terminated,
    waiting,
)

PLAN = make_plan(PlanRequest(size="8B"), Inventory((GpuPool("NVIDIA-L4", 23034, 8),)))
BUDGET = 300
PROBE = {"name": "lmdeploy", "startupProbe": {"periodSeconds": 5, "failureThreshold": BUDGET // 5}}
CLAIM = {"name": "models", "persistentVolumeClaim": {"claimName": "models"}}
SCRATCH = {"name": "scratch", "emptyDir": {}}

NO_GPU = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
TAINT = "0/3 nodes are available: 3 node(s) had untolerated taint(s)."
UNBOUND = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"
MISSING = '0/3 nodes are available: persistentvolumeclaim "models" not found. not found'

# The ends of LMDeploy 0.18.0's logs on an H200.
OOM_LOG = (
    "Loading:  38%|███▊      | 12/32 [00:01<00:02,  7.85it/s]\n"
    "[TM][FATAL][1122.22:02:30.453833][allocator.cc:49] CUDA error: out of memory\n"
    "*** stacktrace of thread 0x7f75851636c0 ***\n  [ 0] TM_CUDA_CHECK @ allocator.cc:49\n"
)
OLD_OOM_LOG = (
    "RuntimeError: [TM][ERROR] CUDA runtime error: out of memory /lmdeploy/src/turbomind/utils/allocator.h"
)
HANG_LOG = "Loading: 100%|██████████| 24/24\r\n[TM][WARN][slab.h:136] slab_size 134217728, ratio 0.984375\n"
UNKNOWN_FLAG_LOG = (
    "usage: lmdeploy [-h] [-v] {lite,serve,check_env,chat} ...\n"
    "lmdeploy: error: unrecognized arguments: --no-such-flag 1\n"
)
BAD_CHOICE_LOG = (
    "lmdeploy serve api_server: error: argument --log-level: invalid choice: 'LOUD' (choose from 'INFO')"
)
BAD_VALUE_LOG = "lmdeploy serve api_server: error: argument --session-len: invalid int value: 'many'"
DEAD_ENGINE_LOG = (
    "lmdeploy.pytorch.engine.mp_engine.zmq_rpc.RPCServerDeadError: PyTorch ZMQ engine process is not alive."
)

QUOTA = 'pods "captions-7d9f-x" is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu=1'
REPLICA_FAILURE = condition("ReplicaFailure", True, 3, "FailedCreate", QUOTA)


def crashed(code: int, log: str = "", restarts: int = 1, **how: Any) -> dict[str, Any]:
    """Return a pod whose engine has never been ready and ends again and again."""
    state = waiting("CrashLoopBackOff", "back-off 40s restarting failed container")
    return placed(container(state, terminated(code, log, **how), restarts=restarts))


def failed_download(log: str, code: int = 1, restarts: int = 1) -> dict[str, Any]:
    return fetching(container(waiting("CrashLoopBackOff"), terminated(code, log), "model", restarts=restarts))


@dataclass(frozen=True)
class Case:
    """A state of the cluster and what is told of it."""

    reason: Reason | None
    pods: list[dict[str, Any]]
    says: tuple[str, ...] = ()
    outlook: Outlook | None = None
    conditions: tuple[dict[str, Any], ...] = ()
    revision: str = REVISION
    volumes: list[dict[str, Any]] = field(default_factory=lambda: [SCRATCH])


def found(case: Case) -> Finding | None:
    body = deployment(*case.conditions)
    body["spec"] = {"template": {"spec": {"containers": [PROBE], "volumes": case.volumes}}}
    return diagnose(PLAN, body, case.pods, case.revision)
