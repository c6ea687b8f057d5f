"""The security context of the pods: the restricted standard, and what the spec says beside it."""

from __future__ import annotations

from typing import Any

from internvl_operator.api.pod_template import PodTemplate
from internvl_operator.manifests.objects.security_context import pod_security_context


def test_what_the_spec_says_takes_the_place_of_a_default() -> None:
    context = pod_security_context(PodTemplate.model_validate({"securityContext": {"fsGroup": 2000}}))
    assert (context["fsGroup"], context["runAsNonRoot"]) == (2000, True)


def test_a_cluster_that_assigns_user_and_groups_is_given_none() -> None:
    context = pod_security_context(PodTemplate(identity="ClusterAssigned"))
    assert not context.keys() & {"runAsUser", "runAsGroup", "fsGroup"}


def test_an_object_in_which_nothing_is_said_is_as_one_that_is_not_there() -> None:
    empty: dict[str, Any] = {"seLinuxOptions": {}, "windowsOptions": {}}
    assert pod_security_context(
        PodTemplate.model_validate({"securityContext": empty})
    ) == pod_security_context(PodTemplate())
