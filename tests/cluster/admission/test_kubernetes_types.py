"""The schemas of Kubernetes's types are those of the API server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cluster.operators.operator_process import resource
from tests.kubernetes_types.__main__ import FILE
from tests.kubernetes_types.openapi import kubernetes_types

if TYPE_CHECKING:
    from tests.cluster.apiserver.api import Api
    from tests.cluster.control_plane import LocalCluster

RESOURCES = "/apis/internvl.dev/v1alpha1/namespaces/default/internvldeployments"


def test_the_committed_schemas_are_those_of_the_api_server(cluster: LocalCluster) -> None:
    assert FILE.read_text() == kubernetes_types(cluster.get), "run make kubernetes-types"


@pytest.mark.parametrize("levels", [3, 300, 1100])
@pytest.mark.parametrize("field", ["affinity", "securityContext", "tolerations", "topologySpreadConstraints"])
def test_a_nested_object_is_refused_and_never_stored(api: Api, field: str, levels: int) -> None:
    # As text: Python's own encoder gives up before.
    nested = '{"a":' * levels + "{}" + "}" * levels
    value = nested if field in ("affinity", "securityContext") else f"[{nested}]"
    marked = resource("nested", "default", size="8B", podTemplate={field: "MARK"})
    body = json.dumps(marked).replace('"MARK"', value)
    assert not api.request("POST", RESOURCES, body, fieldValidation="Strict").accepted
    # Clients that ask for no validation get what they wrote without it.
    stored = api.request("POST", RESOURCES, body, fieldValidation="Ignore")
    api.request("DELETE", f"{RESOURCES}/nested")
    assert "'a'" not in str(stored.body.get("spec"))
