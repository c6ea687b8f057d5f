"""The Job that measures a model from within its cluster."""

from collections.abc import Mapping, Sequence
from typing import Any

from internvl_operator.chat.resource import api_key_reference, tls_secret

LABEL = "internvl.dev/bench"
"""On the Job and its pod: the name of the resource that is measured."""

CONTAINER = "bench"
REPORT_PATH = "/dev/termination-log"
"""The kubelet copies this file into the pod's status when the container ends: no right to read logs is needed."""

_CERTIFICATE_PATH = "/certificate"
_NOBODY = 65532
"""The user of the operator's image."""


def bench_job(
    body: Mapping[str, Any], url: str, image: str, arguments: Sequence[str], seconds: int
) -> dict[str, Any]:
    """Return the Job that runs ``internvl bench`` once, in the namespace of a resource.

    The NetworkPolicy of the resource admits the pods of its namespace. The API key and the certificate come from the
    Secrets that the resource names, so that who makes the Job need not read them.

    Args:
        body: the resource.
        url: of the model inside the cluster.
        image: the operator's.
        arguments: of the command behind the URL.
        seconds: after which the Job is ended.
    """
    metadata = body["metadata"]
    labels = {LABEL: metadata["name"], "app.kubernetes.io/name": "internvl-bench"}
    secret = tls_secret(body)
    command = ["bench", url, *arguments, "--report", REPORT_PATH]
    if secret:
        command += ["--ca-file", f"{_CERTIFICATE_PATH}/tls.crt"]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "generateName": f"{metadata['name'][:40].rstrip('-.')}-bench-",
            "namespace": metadata["namespace"],
            "labels": labels,
        },
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": seconds,
            # Where the command that made it was killed, nobody else deletes it.
            "ttlSecondsAfterFinished": 300,
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "restartPolicy": "Never",
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": _NOBODY,
                        "runAsGroup": _NOBODY,
                        # The certificate is readable for the group alone.
                        "fsGroup": _NOBODY,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [_container(body, image, command, secret)],
                    "volumes": _volumes(secret),
                },
            },
        },
    }


def _container(
    body: Mapping[str, Any], image: str, command: Sequence[str], secret: str | None
) -> dict[str, Any]:
    key = api_key_reference(body)
    reference = {"secretKeyRef": {"name": key[0], "key": key[1]}} if key else None
    return {
        "name": CONTAINER,
        "image": image,
        "args": list(command),
        "env": [{"name": "INTERNVL_API_KEY", "valueFrom": reference}] if reference else [],
        "resources": {"requests": {"cpu": "1", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
        "terminationMessagePath": REPORT_PATH,
        # The last line of the log says why there is no report.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": "certificate", "mountPath": _CERTIFICATE_PATH, "readOnly": True}]
        if secret
        else [],
    }


def _volumes(secret: str | None) -> list[dict[str, Any]]:
    """Return the volume with the server's certificate, which the client trusts whoever signed it; without the key."""
    if secret is None:
        return []
    items = [{"key": "tls.crt", "path": "tls.crt"}]
    return [{"name": "certificate", "secret": {"secretName": secret, "defaultMode": 0o440, "items": items}}]
