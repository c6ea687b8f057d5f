"""The CRD: generated, committed, structural, described, small."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from internvl_operator.api.crd import custom_resource_definition
from internvl_operator.cli import crd_command as command
from tests.cluster.specs.kubernetes import KUBERNETES_PATHS
from tests.cluster.specs.misspelled import MISSPELLED
from tests.cluster.specs.schema import nodes, resource_schema, spelling

COMMITTED = Path(__file__).parents[3] / "crds" / "internvl.dev_internvldeployments.yaml"
CRD = custom_resource_definition()
SCHEMAS = dict(nodes(resource_schema(CRD), ""))
FIELDS = [
    path
    for path in SCHEMAS
    if not path.endswith(("[]", "{}"))
    and path not in (".apiVersion", ".kind", ".metadata")
    and not path.startswith(tuple(f".{each}." for each in KUBERNETES_PATHS))
]
"""All but those that Kubernetes itself describes."""

STRUCTURAL = {
    "additionalProperties",
    "default",
    "description",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minLength",
    "minimum",
    "nullable",
    "properties",
    "required",
    "type",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
    "x-kubernetes-validations",
}
"""Keywords of a structural schema, without those that join schemas ($ref, anyOf, ...)."""


def test_the_committed_crd_is_the_generated_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 0
    assert capsys.readouterr().out == COMMITTED.read_text(), "run make crds"
    assert yaml.safe_load(COMMITTED.read_text()) == CRD


def test_the_crd_is_small_enough_for_client_side_apply() -> None:
    assert COMMITTED.stat().st_size < 150_000


@pytest.mark.parametrize("path", SCHEMAS)
def test_every_schema_is_structural_and_has_one_type(path: str) -> None:
    assert SCHEMAS[path].keys() <= STRUCTURAL
    if "x-kubernetes-int-or-string" not in SCHEMAS[path]:
        assert SCHEMAS[path]["type"] in {"array", "boolean", "integer", "number", "object", "string"}


@pytest.mark.parametrize("path", FIELDS)
def test_every_field_has_a_description_that_is_a_sentence(path: str) -> None:
    assert SCHEMAS[path]["description"].endswith(".")


UNIT = re.compile(
    r"tokens?|seconds?|mib|bytes?|bits|gpus?\b|core|share|replicas?|pods|requests?|images?|tiles?|sessions?|port\b"
    r"|generation|failures",
    re.IGNORECASE,
)
NAMES = ("name", "Name", "namespace", "key")
"""Ends of the fields that name an object of Kubernetes, or a part of one: what they refer to says how it is written."""


@pytest.mark.parametrize("path", FIELDS)
def test_a_number_says_its_unit_and_a_text_how_it_is_written(path: str) -> None:
    schema, holder = SCHEMAS[path], SCHEMAS.get(path.rpartition(".")[0], {})
    description = schema.get("description", "")
    match schema.get("type"):
        case "integer" | "number":
            assert UNIT.search(f"{path} {description} {holder.get('description', '')}")
        case "string" if path.startswith(".spec") and "enum" not in schema and not path.endswith(NAMES):
            assert re.search("for example|such as|OWNER/NAME|Default: [a-z]+[.]", description)


def test_only_replicas_has_a_default_so_that_what_stands_in_git_stands_in_the_cluster() -> None:
    assert {path: schema["default"] for path, schema in SCHEMAS.items() if "default" in schema} == {
        ".spec.replicas": 1,
        # Not what stands in Git: until the operator writes the status, nobody takes the resource for ready.
        ".status": {"observedGeneration": -1},
    }


def test_no_object_keeps_unknown_fields() -> None:
    assert not any("x-kubernetes-preserve-unknown-fields" in schema for schema in SCHEMAS.values())


@pytest.mark.parametrize("path", [path for path in SCHEMAS if path.startswith(".spec")])
def test_whatever_a_user_writes_is_bounded(path: str) -> None:
    schema = SCHEMAS[path]
    bounds = {
        "string": ("maxLength", "enum"),
        "array": ("maxItems",),
        "object": ("maxProperties", "properties"),
    }
    kind = "string" if "x-kubernetes-int-or-string" in schema else schema["type"]
    assert not bounds.get(kind) or schema.keys() & set(bounds[kind])


def test_the_schema_is_so_deep_that_no_decoder_minds() -> None:
    assert max(path.count(".") + path.count("[]") + path.count("{}") for path in SCHEMAS) < 20


def test_the_schemas_of_kubernetes_have_no_reference_and_no_enumeration() -> None:
    text = (files("internvl_operator.api.kubernetes") / "kubernetes_types.json").read_text()
    assert "$ref" not in text
    assert "enum" not in text


def test_rules_say_what_to_write_in_at_most_200_characters() -> None:
    messages = [
        rule["message"]
        for schema in SCHEMAS.values()
        if not spelling(schema)  # texts of one type share their message
        for rule in schema.get("x-kubernetes-validations", ())
    ]
    assert len(set(messages)) == len(messages) >= 15
    assert all(len(message) <= 200 for message in messages)


def test_the_resource_is_named_and_scaled_as_the_contract_says() -> None:
    (version,) = CRD["spec"]["versions"]
    assert CRD["metadata"]["name"] == "internvldeployments.internvl.dev"
    assert CRD["spec"]["scope"] == "Namespaced"
    assert CRD["spec"]["names"]["shortNames"] == ["ivl"]
    assert version["name"] == "v1alpha1"
    assert version["subresources"]["status"] == {}
    assert version["subresources"]["scale"] == {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }


def test_the_printed_columns_are_those_of_the_contract() -> None:
    (version,) = CRD["spec"]["versions"]
    columns: list[dict[str, Any]] = version["additionalPrinterColumns"]
    assert [column["name"] for column in columns] == [
        "Size",
        "Quant",
        "GPUs",
        "Ready",
        "Reason",
        "Endpoint",
        "Series",
        "Age",
    ]
    assert [column["name"] for column in columns if column.get("priority")] == ["Endpoint", "Series"]


SPELLED = {path for path, schema in SCHEMAS.items() if spelling(schema)}


def test_no_field_of_a_user_has_a_bare_regular_expression_for_its_message() -> None:
    assert [path for path, schema in SCHEMAS.items() if "pattern" in schema] == []
    assert len(SPELLED) >= 25


@pytest.mark.parametrize("path", sorted(SPELLED))
def test_a_misspelled_text_is_told_in_words_what_to_write(path: str) -> None:
    (rule,) = SCHEMAS[path]["x-kubernetes-validations"]
    assert re.match("must be .+(: write| write|; write) for example ", rule["message"])
    assert not re.search(r"[\\^$\[\]+?(){}]", rule["message"])
    name = path.replace("[]", "[0]").removeprefix(".").replace("{}", "[cpu]")
    (wrong,) = [wrong for wrong in MISSPELLED if wrong.field == name]
    assert wrong.says == rule["message"]


@pytest.mark.parametrize("path", sorted(SPELLED))
def test_the_example_of_a_message_is_spelled_right(path: str) -> None:
    (rule,) = SCHEMAS[path]["x-kubernetes-validations"]
    example = re.split("write for example ", rule["message"])[1].split(", ")[0].split(" ")[0]
    assert re.fullmatch(spelling(SCHEMAS[path]), example), example
