"""The security contexts of the pods and containers, as the restricted Pod Security Standard requires them."""

from typing import Any

from internvl_operator.api.pod_template import PodTemplate

CONTAINER_SECURITY_CONTEXT = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}

_POD_SECURITY_CONTEXT = {
    "runAsUser": 1000,
    "runAsGroup": 1000,
    "runAsNonRoot": True,
    "fsGroup": 1000,
    "fsGroupChangePolicy": "OnRootMismatch",
    "seccompProfile": {"type": "RuntimeDefault"},
}
_IDENTITY = ("runAsUser", "runAsGroup", "fsGroup")


def pod_security_context(template: PodTemplate) -> dict[str, Any]:
    """Return the security context of the pods: without user and groups where the cluster assigns them.

    An object in which nothing is said is left out: the API server stores it in one way when it is new, and in another
    when it was emptied.
    """
    assigned = _IDENTITY if template.identity == "ClusterAssigned" else ()
    default = {name: value for name, value in _POD_SECURITY_CONTEXT.items() if name not in assigned}
    given = template.security_context or {}
    return default | {name: value for name, value in given.items() if value != {} or name in default}
