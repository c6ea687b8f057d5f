"""Which record of a Deployment is believed: the one that the resource's status confirms.

Anyone who may change Deployments can write a record, but not the status of the resource.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from internvl_operator.manifests.record import Record, digest, record_annotations, record_of

RECORD_HASH = "recordHash"
"""The field of the status that confirms a record. Its hash covers the same annotations in every release."""


def record_hash(deployment: Mapping[str, Any] | None) -> str:
    """Return the hash of a Deployment's record, whatever it holds."""
    return _hash_of(tuple(record_annotations(deployment).items()))


@lru_cache(maxsize=32)  # two for each of 16 workers
def _hash_of(record: tuple[tuple[str, str], ...]) -> str:
    """Return the hash of a record's annotations, 35 KB, which a reconcile needs eight times."""
    return digest(dict(record))


def trusted_record(
    deployment: Mapping[str, Any] | None, status: Mapping[str, Any], written: str = ""
) -> Record | None:
    """Return what a Deployment was made from, as far as the resource's status confirms it, or this process wrote it.

    The status may confirm another record because somebody else wrote this one; or because an operator ended between
    the Deployment and the status, and then a plan is made from the spec. It is written before a resource has a
    Deployment, so a record beside an empty status is somebody else's.

    Args:
        deployment: as the API server has it, if there is one.
        status: of the resource.
        written: hash of the record that this process wrote last, whether or not the status could be written after it.

    Raises:
        UnreadableRecordError: a newer operator wrote the record, in a way that this one does not know.
    """
    if RECORD_HASH in status:
        is_ours = record_hash(deployment) in (status[RECORD_HASH], written)
        return record_of(deployment) if is_ours else None
    record = record_of(deployment)
    # The status of an operator that did not write the hash.
    return record if record is not None and record.revision == status.get("revision") else None
