"""The kinds of children by which Gateways reach a model: rows of ``CHILD_KINDS``."""

from internvl_operator.manifests.child_kind import ChildKind, Sources, Wave
from internvl_operator.manifests.labels import PICKER_SUFFIX
from internvl_operator.manifests.objects.gateway.endpoint_picker import (
    endpoint_picker,
    picker_network_policy,
    picker_service,
)
from internvl_operator.manifests.objects.gateway.httproute import http_route
from internvl_operator.manifests.objects.gateway.inferencepool import POOL_KIND, has_pool, inference_pool


def _has_pool(given: Sources) -> bool:
    return has_pool(given.resource, given.served)


GATEWAY_KINDS = (
    ChildKind(
        kind="NetworkPolicy",
        api_version="networking.k8s.io/v1",
        plural="networkpolicies",
        wave=Wave.BEFORE_PODS,
        wanted=lambda given: _has_pool(given) and given.resource.spec.network_policy.enabled,
        build=lambda given: picker_network_policy(given.resource),
        suffix=PICKER_SUFFIX,
    ),
    ChildKind(
        kind="Service",
        api_version="v1",
        plural="services",
        wave=Wave.BEFORE_PODS,
        wanted=_has_pool,
        build=lambda given: picker_service(given.resource),
        suffix=PICKER_SUFFIX,
    ),
    ChildKind(
        kind="Deployment",
        api_version="apps/v1",
        plural="deployments",
        wave=Wave.WITH_PODS,
        wanted=_has_pool,
        build=lambda given: endpoint_picker(given.resource, given.platform),
        suffix=PICKER_SUFFIX,
    ),
    ChildKind(
        kind=POOL_KIND,
        api_version="inference.networking.k8s.io/v1",
        plural="inferencepools",
        wave=Wave.WITH_PODS,
        wanted=_has_pool,
        build=lambda given: inference_pool(given.resource),
        is_optional=True,
    ),
    ChildKind(
        kind="HTTPRoute",
        api_version="gateway.networking.k8s.io/v1",
        plural="httproutes",
        wave=Wave.WITH_PODS,
        wanted=lambda given: given.resource.spec.gateway.is_given,
        build=lambda given: http_route(
            given.resource,
            given.plan,
            given.platform.keda_http,
            has_pool=_has_pool(given),
            served=given.served,
        ),
        is_optional=True,
    ),
)
