"""The base of the resource's models: frozen, without unknown fields, each rule stated once.

Why: docs/design/006-no-webhook.md
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from internvl_operator.text.spelling import to_kubernetes

ATOMIC = {"x-kubernetes-map-type": "atomic"}
"""Server-side apply replaces such an object as a whole: whoever sets a key owns all of it. Of another object it stores
null once the object's last field is removed."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule over several fields. The API server checks it, and so does the operator.

    Args:
        cel: the rule as the API server evaluates it (``x-kubernetes-validations``).
        message: what to write instead.
        holds: the same rule on the parsed model. It is for resources that the API server has not checked: those of
            an older CRD, and those that ``internvl plan -f`` reads from a file.

    Example:
        >>> from types import SimpleNamespace
        >>> rule = Rule("self.min <= self.max", "min is more than max: lower it", lambda r: r.min <= r.max)
        >>> broken_rules([rule], SimpleNamespace(min=2, max=1))
        'min is more than max: lower it'
    """

    cel: str
    message: str
    holds: Callable[[Any], bool]


def validations_of(rules: Iterable[Rule]) -> list[dict[str, str]]:
    """Return rules as a CRD's ``x-kubernetes-validations``."""
    return [{"rule": rule.cel, "message": rule.message} for rule in rules]


def broken_rules(rules: Iterable[Rule], value: object) -> str:
    """Return the messages of the rules that a parsed value breaks; empty when it breaks none."""
    return "; ".join(rule.message for rule in rules if not rule.holds(value))


class ApiModel(BaseModel):
    """A frozen model in Kubernetes's spelling (camelCase). It refuses unknown fields, and converts no types."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        alias_generator=to_kubernetes,
        use_attribute_docstrings=True,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Put the rules into the schema, where the API server looks for them."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        if cls.rules:
            schema["x-kubernetes-validations"] = validations_of(cls.rules)
        return schema

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, value: Any) -> Any:
        """Drop fields that are null: server-side apply stores null for a section whose last field is removed."""
        if isinstance(value, dict) and None in value.values():
            return {key: item for key, item in value.items() if item is not None}
        return value

    @model_validator(mode="after")
    def _keep_rules(self) -> Self:
        if broken := broken_rules(self.rules, self):
            raise ValueError(broken)
        return self

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Return the model itself: it never changes. Pydantic copies the default of each section that a spec lacks."""
        return self

    def to_object(self) -> dict[str, Any]:
        """Return the model as JSON, without fields that are None."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
