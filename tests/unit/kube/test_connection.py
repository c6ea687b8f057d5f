"""What an answer of the API server means."""

from __future__ import annotations

import json
from typing import Any

import pytest

from internvl_operator.kube.connection import error_of
from internvl_operator.kube.port import (
    ClusterError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    ThrottledError,
    UnavailableError,
)

GOING = [{"reason": "NamespaceTerminating", "message": "namespace vision is being terminated"}]
OTHER = [
    {"reason": "FieldValueForbidden", "message": "spec is immutable", "field": "spec"},
    {"reason": "FieldValueInvalid", "message": "field is immutable", "field": "metadata.uid"},
]
TYPO = (
    "failed to create typed patch object (vision/a; apps/v1, Kind=Deployment): field not declared in schema"
)


@pytest.mark.parametrize(
    ("status", "answer", "meant"),
    [
        (403, {"message": "pods is forbidden"}, ForbiddenError),
        (403, {"message": "being terminated", "details": {"kind": "services"}}, ForbiddenError),
        (403, {"message": "because it is being terminated", "details": {"causes": GOING}}, NotFoundError),
        (404, {"message": "not found"}, NotFoundError),
        (409, {"message": "the object has been modified"}, ConflictError),
        (413, {"message": "Request entity too large: limit is 3145728"}, InvalidError),
        (422, {"message": "spec.replicas: Invalid value"}, InvalidError),
        (422, {"message": "metadata.uid: Invalid value", "details": {"causes": OTHER}}, ConflictError),
        (429, {"message": "too many requests"}, ThrottledError),
        (500, {"message": TYPO}, InvalidError),
        (500, {"message": "etcdserver: request is too large"}, InvalidError),
        (500, {"message": "etcdserver: request timed out"}, UnavailableError),
        (503, "<html>a proxy's page</html>", UnavailableError),
    ],
)
def test_an_error_is_told_by_its_status_and_its_cause(
    status: int, answer: Any, meant: type[ClusterError]
) -> None:
    text = answer if isinstance(answer, str) else json.dumps(answer)

    error = error_of(status, text, retry_after=1.0)

    assert type(error) is meant
    assert str(error) in text
