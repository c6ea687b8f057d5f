"""What the cache shows of one resource and of the objects that belong to it."""

from collections.abc import Sequence
from dataclasses import dataclass

from internvl_operator.kube.cache import Cache
from internvl_operator.kube.kinds import (
    DEPLOYMENT,
    HTTP_ROUTE,
    INFERENCE_POOL,
    PERSISTENT_VOLUME_CLAIM,
    SCALED_OBJECT,
)
from internvl_operator.kube.objects import is_controlled_by, key_of, suffixed
from internvl_operator.kube.port import Kind, KubernetesObject
from internvl_operator.manifests.labels import PICKER_SUFFIX


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One resource as the API server has it, with what belongs to it.

    Args:
        body: the resource.
        deployment: its Deployment, if there is one.
        claim: its PersistentVolumeClaim, if there is one.
        scaled_object: its ScaledObject, if there is one.
        route: its HTTPRoute, if there is one.
        pool: its InferencePool, if there is one.
        picker: the Deployment of its endpoint picker, if there is one.
        pods: all pods that carry the resource's label, whoever made them.
        written_record: hash of the record that this process wrote into the Deployment last; empty: none.
    """

    body: KubernetesObject
    deployment: KubernetesObject | None = None
    claim: KubernetesObject | None = None
    scaled_object: KubernetesObject | None = None
    route: KubernetesObject | None = None
    pool: KubernetesObject | None = None
    picker: KubernetesObject | None = None
    pods: Sequence[KubernetesObject] = ()
    written_record: str = ""

    @property
    def generation(self) -> int:
        """The resource's generation, which the API server raises with each change of the spec."""
        return int(self.body["metadata"]["generation"])

    @property
    def is_new(self) -> bool:
        """Whether the resource's status was never written: the CRD's default has no conditions."""
        return "conditions" not in self.body.get("status", {})


def observe(cache: Cache, body: KubernetesObject, before: Observed | None = None) -> Observed:
    """Return what the cache shows now of a resource and of what belongs to it.

    Args:
        cache: the watched objects.
        body: the resource.
        before: what the cache showed earlier; what has not changed since is taken from it.
    """
    owner = key_of(body)

    def child(kind: Kind, known: KubernetesObject | None, suffix: str = "") -> KubernetesObject | None:
        live = cache.get(kind, suffixed(owner, suffix), known)
        return live if live is not None and is_controlled_by(live, body) else None

    known = before or Observed(body=body)
    return Observed(
        body=body,
        deployment=child(DEPLOYMENT, known.deployment),
        claim=child(PERSISTENT_VOLUME_CLAIM, known.claim),
        scaled_object=child(SCALED_OBJECT, known.scaled_object),
        route=child(HTTP_ROUTE, known.route),
        pool=child(INFERENCE_POOL, known.pool),
        picker=child(DEPLOYMENT, known.picker, PICKER_SUFFIX),
        pods=cache.pods(owner),
    )
