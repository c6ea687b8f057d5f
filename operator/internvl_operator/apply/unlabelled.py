"""Finds what belongs to a resource though somebody has removed the label by which the operator's watches select."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from internvl_operator.kube.kinds import DEPLOYMENT, PERSISTENT_VOLUME_CLAIM
from internvl_operator.kube.objects import is_controlled_by, key_of
from internvl_operator.kube.port import Cluster, Kind, KubernetesObject
from internvl_operator.manifests.objects.persistentvolumeclaim import asks_for_claim
from internvl_operator.observed import Observed


async def with_unlabelled(cluster: Cluster, observed: Observed) -> Observed:
    """Return what is observed with the Deployment and the claim that were made once and the cache lacks.

    Without the Deployment, a new plan would be written over running pods; without the claim, its fields that cannot
    change would be asked for.

    Raises:
        ClusterError: the API failed.
    """
    body = observed.body
    if "revision" not in body.get("status", {}):
        return observed
    if observed.deployment is None:
        observed = replace(observed, deployment=await _own(cluster, DEPLOYMENT, body))
    if observed.claim is None and asks_for_claim(body):
        observed = replace(observed, claim=await _own(cluster, PERSISTENT_VOLUME_CLAIM, body))
    return observed


async def _own(cluster: Cluster, kind: Kind, owner: Mapping[str, Any]) -> KubernetesObject | None:
    live = await cluster.find(kind, key_of(owner))
    return live if live is not None and is_controlled_by(live, owner) else None
