"""What holds a pod to the GPUs that its plan is for: alternatives of node affinity, each a list of requirements.

A plan does not count on nodes whose GPUs are shared in time, partitioned or too small, or whose processor has another
architecture. The pods must not be scheduled on such nodes either, nor on those that are added later.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from internvl_operator.catalog.hardware.image_variants import MAJORS, ImageVariant
from internvl_operator.catalog.hardware.node_names import (
    GKE_LABEL,
    INSTANCE_TYPE_LABEL,
    MEMORY_OF_LABEL,
    PRODUCTS_BY_LABEL,
    names_of,
    products_of,
)
from internvl_operator.catalog.models import Backend
from internvl_operator.catalog.nvidia import (
    COMPUTE_CAPABILITY_LABELS,
    MEMORY_LABEL,
    PRODUCT_LABEL,
    REPLICAS_LABEL,
)

Expression = Mapping[str, Any]
"""A Kubernetes NodeSelectorRequirement."""
Term = tuple[Expression, ...]
"""Requirements that a node must meet together; of several terms it must meet one."""

PROCESSOR_LABEL = "kubernetes.io/arch"
GKE_SHARED_LABEL = "cloud.google.com/gke-max-shared-clients-per-gpu"
GKE_PARTITION_LABEL = "cloud.google.com/gke-gpu-partition-size"

_SAME_SIZE = 0.95
"""Cards of one nominal size differ by a few percent."""
_SAME_SIZE_ON_EC2 = 0.9
"""EC2 counts the memory of a GPU without what its error correction takes."""
_OTHER_PROCESSORS = {"amd64": ("arm64",)}

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"


def by_label(label: str, names: Sequence[str], memory_mib: int) -> tuple[Term, ...]:
    """Return the terms of nodes that name their GPUs so in one label, and offer whole GPUs of at least a memory."""
    named = _is_in(label, names)
    if label == PRODUCT_LABEL:
        return tuple((named, *unshared) for unshared in not_shared(REPLICAS_LABEL))
    if label == GKE_LABEL:
        return ((named, _is_absent(GKE_SHARED_LABEL), _is_absent(GKE_PARTITION_LABEL)),)
    if label in MEMORY_OF_LABEL:
        return ((named, _is_at_least(MEMORY_OF_LABEL[label], _SAME_SIZE_ON_EC2 * memory_mib)),)
    return ((named,),)


def by_product(product: str, memory_mib: int) -> tuple[Term, ...]:
    """Return the terms of nodes that have a product of the catalogue, by whichever label."""
    return tuple(term for label, names in names_of(product) for term in by_label(label, names, memory_mib))


def by_memory(memory_mib: int, products: Iterable[str]) -> tuple[Term, ...]:
    """Return the terms of nodes whose GPUs have at least a memory, or are named nowhere.

    Args:
        memory_mib: the least memory; GPUs whose memory no label says are taken to have it.
        products: the products of the catalogue that have it.
    """
    large = _is_at_least(MEMORY_LABEL, _SAME_SIZE * memory_mib)
    enough = frozenset(products)
    named = [
        (label, [name for name in known if enough.intersection(products_of(label, name))])
        for label, known in PRODUCTS_BY_LABEL.items()
    ]
    by_name = [term for label, names in named if names for term in by_label(label, names, memory_mib)]
    too_small = [
        name for name, known in PRODUCTS_BY_LABEL[INSTANCE_TYPE_LABEL].items() if known not in enough
    ]
    labels = (
        PRODUCT_LABEL,
        MEMORY_LABEL,
        *(label for label in PRODUCTS_BY_LABEL if label != INSTANCE_TYPE_LABEL),
    )
    return (
        *((large, *unshared) for unshared in not_shared(REPLICAS_LABEL)),
        *((*term, _is_absent(MEMORY_LABEL)) for term in by_name),
        (*map(_is_absent, labels), _is_not_in(INSTANCE_TYPE_LABEL, too_small)),
    )


def is_same_size(memory_mib: int, nominal_mib: int) -> bool:
    """Return whether a GPU has a memory, or a little less, as cards of one nominal size do."""
    return memory_mib >= _SAME_SIZE * nominal_mib


def not_shared(replicas_label: str) -> tuple[Term, Term]:
    """Return the terms of nodes whose GPUs are not shared in time, by the label of how many pods share one."""
    return (_is_absent(replicas_label),), ({"key": replicas_label, "operator": "Lt", "values": ["2"]},)


def with_processor(terms: Sequence[Term], processor: str | None) -> tuple[Term, ...]:
    """Return terms that also keep out nodes of another processor architecture than the image is for."""
    others = _OTHER_PROCESSORS.get(processor or "")
    return tuple((*term, _is_not_in(PROCESSOR_LABEL, others)) for term in terms) if others else tuple(terms)


def with_code(terms: Sequence[Term], variant: ImageVariant, backend: Backend) -> tuple[Term, ...]:
    """Return terms that also keep out GPUs without code in the image, as far as a label has their capability."""
    without = _majors_without_code(variant, backend)
    return tuple((*term, _is_not_in(COMPUTE_CAPABILITY_LABELS[0], without)) for term in terms)


@cache
def _majors_without_code(variant: ImageVariant, backend: Backend) -> tuple[str, ...]:
    """Return the major numbers of compute capabilities none of whose GPUs run an image."""
    return tuple(
        str(major)
        for major in MAJORS
        if not any(variant.runs((major, minor), backend) for minor in range(10))
    )


def without_named(terms: Sequence[Term], label: str) -> tuple[Term, ...]:
    """Return terms without what they say of a label that the pods select."""
    return tuple(tuple(each for each in term if each["key"] != label) for term in terms)


def affinity_with(affinity: Mapping[str, Any] | None, terms: Sequence[Term]) -> dict[str, Any] | None:
    """Return a Kubernetes Affinity that also holds the pods to one of some terms.

    Terms are alternatives: each of the user's is joined with each of the plan's. A section in which nothing is said is
    left out: the API server stores it in one way when it is new, and in another when it was emptied.
    """
    terms = [term for term in terms if term] if all(terms) else []
    given = {name: section for name, section in (affinity or {}).items() if section and any(section.values())}
    if not terms:
        return given or None
    node = dict(given.get("nodeAffinity") or {})
    own = (node.get(_REQUIRED) or {}).get("nodeSelectorTerms") or [{}]
    joined = [
        {**one, "matchExpressions": [*(one.get("matchExpressions") or ()), *map(dict, term)]}
        for one in own
        for term in terms
    ]
    return given | {"nodeAffinity": node | {_REQUIRED: {"nodeSelectorTerms": joined}}}


def _is_in(key: str, values: Sequence[str]) -> Expression:
    return {"key": key, "operator": "In", "values": list(values)}


def _is_not_in(key: str, values: Sequence[str]) -> Expression:
    return {"key": key, "operator": "NotIn", "values": list(values)}


def _is_absent(key: str) -> Expression:
    return {"key": key, "operator": "DoesNotExist"}


def _is_at_least(key: str, number: float) -> Expression:
    return {"key": key, "operator": "Gt", "values": [str(int(number) - 1)]}
