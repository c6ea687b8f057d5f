"""The record: plan, pod template and hash of the spec of a model that runs, in annotations of its Deployment.

The operator writes the record and the pod template in one request, so the two cannot disagree. As the plan is read
from the record and not made anew, neither a newer operator nor a new node restarts a model.

Why: docs/design/004-sticky-plan-and-record.md
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from internvl_operator.api.v1alpha1 import InternVLDeploymentSpec
from internvl_operator.catalog.models import INTERNVL2
from internvl_operator.manifests.labels import (
    INPUTS_ANNOTATION,
    MANIFEST_ANNOTATION,
    PLAN_ANNOTATION,
    RECORD_VERSION_ANNOTATION,
    REVISION_LABEL,
    TEMPLATE_ANNOTATION,
)
from internvl_operator.manifests.template import KubernetesObject
from internvl_operator.planner.document import plan_from_document, stored_document
from internvl_operator.planner.plan import Plan

RECORD_VERSION = 2
"""The version of new records. Raise it when earlier operators would compute another hash for the same spec."""

_BEFORE_SERIES = 1
"""The version that is still written for InternVL2, so that operators from before ``spec.series`` can read the record.

Other series get RECORD_VERSION: those operators would take any model for an InternVL2.
"""

MOST_ANNOTATION_BYTES = 256 * 1024
"""The API server's limit for the names and values of all annotations of an object (``TotalAnnotationSizeLimitB``)."""

_MOST_DIGITS = 9
"""Digits of a record's version that are read: anyone may have written more, and Python refuses to convert too many."""

_INPUT_FIELDS: Any = {
    "series": True,
    "size": True,
    "quantization": True,
    "gpu": True,
    "engine": True,
    "load": True,
    "model": True,
    "server": True,
    "pod_template": True,
    "rollout": {"drain_seconds", "restarted_at"},
}
"""The inputs: the fields of the spec on which plan and pod template depend. Other fields restart no pods."""

_IMPLIED = {"series": INTERNVL2}
"""Values that mean the same as an absent field, and so must not change the hash of the inputs."""

_RECORD_ANNOTATIONS = (
    RECORD_VERSION_ANNOTATION,
    INPUTS_ANNOTATION,
    PLAN_ANNOTATION,
    TEMPLATE_ANNOTATION,
)


@dataclass(frozen=True, slots=True)
class Record:
    """What the operator has stored in a Deployment's annotations about the pods that run.

    Args:
        inputs: hash of the spec's fields on which plan and pod template depend.
        plan: the plan by which the pods run.
        pod_template: the pod template as it was applied.
        is_newer: whether a newer operator wrote the record; its hash of the inputs means nothing to this operator.
        annotations: the record's own annotations, unchanged.
    """

    inputs: str
    plan: Plan
    pod_template: KubernetesObject
    is_newer: bool
    annotations: Mapping[str, str]

    @property
    def revision(self) -> str:
        """The revision in the label of the pod template."""
        return str(self.pod_template["metadata"]["labels"][REVISION_LABEL])

    def is_up_to_date_with(self, inputs: str) -> bool:
        """Return whether the running pods were made from these inputs.

        A newer operator's record counts as up to date: its hash cannot be compared, and its pods must not restart.
        """
        return self.is_newer or self.inputs == inputs


class UnreadableRecordError(Exception):
    """A newer operator wrote a record that this operator cannot read."""


def digest(value: Any) -> str:
    """Return a short hash of a JSON value that is the same in every process."""
    return _short_hash(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


def object_digest(value: KubernetesObject) -> str:
    """Return the ``digest`` of a manifest or a part of one, ten times as fast.

    The speed matters as a model's Deployment has 35 KB. orjson and json write floats in different ways: manifests have
    none.
    """
    try:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        # The object is nested more deeply, or has larger numbers, than orjson supports.
        return digest(value)
    return _short_hash(text) if text.isascii() else digest(value)


def _short_hash(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()[:16]


def inputs_of(spec: InternVLDeploymentSpec, cache_size: str = "") -> str:
    """Return the hash of the fields of the spec on which plan and pod template depend.

    Args:
        spec: of a resource.
        cache_size: what counts in place of ``model.cache.size`` where the spec has one; empty: the spec's own.

    Only fields that are given count, so that a field which a later version adds does not change the hash of a resource
    without it. An empty section, such as ``engine: {}``, counts as absent.

    Example:
        >>> from internvl_operator import parse
        >>> one, other = (
        ...     parse({"metadata": {"name": "a"}, "spec": {"size": "8B", "replicas": replicas}})
        ...     for replicas in (1, 5)
        ... )
        >>> inputs_of(one.spec) == inputs_of(other.spec)
        True
    """
    given = spec.model_dump(mode="json", by_alias=True, include=_INPUT_FIELDS, exclude_unset=True)
    if cache_size and spec.model.cache.size is not None:
        given["model"]["cache"]["size"] = cache_size
    return digest({field: value for field, value in given.items() if value and value != _IMPLIED.get(field)})


def carries_record(deployment: Mapping[str, Any] | None) -> bool:
    """Return whether a Deployment has a record, readable or not."""
    annotations = (deployment or {}).get("metadata", {}).get("annotations") or {}
    return TEMPLATE_ANNOTATION in annotations


def record_annotations(deployment: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the annotations of a Deployment that are its record."""
    annotations = (deployment or {}).get("metadata", {}).get("annotations") or {}
    return {name: annotations[name] for name in _RECORD_ANNOTATIONS if name in annotations}


def record_of(deployment: Mapping[str, Any] | None) -> Record | None:
    """Return the record of a Deployment, or None when it has none that an operator wrote.

    Raises:
        UnreadableRecordError: a newer operator wrote the record in a form that this operator does not know.
    """
    annotations = (deployment or {}).get("metadata", {}).get("annotations") or {}
    is_newer = _version(annotations) > RECORD_VERSION
    try:
        record = Record(
            inputs=annotations[INPUTS_ANNOTATION],
            plan=plan_from_document(json.loads(annotations[PLAN_ANNOTATION])),
            pod_template=json.loads(annotations[TEMPLATE_ANNOTATION]),
            is_newer=is_newer,
            annotations=record_annotations(deployment),
        )
        is_whole = record.revision == template_digest(record.pod_template)
    except Exception as error:
        # Others may have written anything into the annotations.
        if is_newer:
            raise UnreadableRecordError(f"cannot read {error}") from error
        return None
    # A newer operator may compute the revision in another way.
    return record if is_whole or is_newer else None


def template_digest(template: Mapping[str, Any]) -> str:
    """Return the hash of a pod template, computed without the label that holds this hash."""
    metadata = template["metadata"]
    labels = {name: value for name, value in metadata["labels"].items() if name != REVISION_LABEL}
    return object_digest({**template, "metadata": {**metadata, "labels": labels}})


def record_bytes(manifests: Iterable[Mapping[str, Any]]) -> int:
    """Return the bytes of all annotations of the Deployments among some manifests; 0 without one."""
    return sum(
        len(name.encode()) + len(value.encode())
        for manifest in manifests
        if manifest["kind"] == "Deployment"
        for name, value in manifest["metadata"]["annotations"].items()
    )


def with_record(
    deployment: KubernetesObject, plan: Plan, inputs: str, stored: Record | None
) -> KubernetesObject:
    """Return a Deployment with its record; the record of a newer operator stays as it is."""
    if stored is not None and stored.is_newer:
        return annotated(deployment, stored.annotations)
    return annotated(
        deployment,
        {
            RECORD_VERSION_ANNOTATION: str(_BEFORE_SERIES if plan.series == INTERNVL2 else RECORD_VERSION),
            INPUTS_ANNOTATION: inputs,
            PLAN_ANNOTATION: _compact(stored_document(plan)),
            TEMPLATE_ANNOTATION: _compact(deployment["spec"]["template"]),
        },
    )


def with_manifest_hash(manifest: KubernetesObject) -> KubernetesObject:
    """Return a manifest with its own hash in an annotation.

    ``drift.is_applied`` compares the hashes: only they show that the manifest has dropped a field of the live object.
    """
    return annotated(manifest, {MANIFEST_ANNOTATION: object_digest(manifest)})


def annotated(manifest: KubernetesObject, annotations: Mapping[str, str]) -> KubernetesObject:
    """Return a manifest with further annotations."""
    metadata = manifest["metadata"]
    return {
        **manifest,
        "metadata": {**metadata, "annotations": {**metadata.get("annotations", {}), **annotations}},
    }


def _version(annotations: Mapping[str, str]) -> int:
    text = annotations.get(RECORD_VERSION_ANNOTATION, "")
    return int(text[:_MOST_DIGITS]) if text.isdecimal() else 0


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
