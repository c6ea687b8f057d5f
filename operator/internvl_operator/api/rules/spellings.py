"""How single texts of the API are spelled, and what to write instead of a wrong one.

A ``pattern`` in the schema would have the API server answer with a regular expression. Each spelling is a rule of its
field instead (``x-kubernetes-validations``), whose message says it in words.
"""

import re
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from internvl_operator.api.base import Rule, broken_rules, validations_of
from internvl_operator.text.quantity import PATTERN


@dataclass(frozen=True, slots=True)
class Spelling:
    """A field's annotation: the text is spelled as a pattern says.

    Args:
        pattern: a regular expression of RE2 and Python for the whole text, without backslashes and quotes.
        message: what to write, with an example.

    Example:
        >>> from typing import Annotated
        >>> from pydantic import TypeAdapter
        >>> Colour = Annotated[str, Spelling("#[0-9a-f]{6}", "must be a colour: write for example #ff0000")]
        >>> TypeAdapter(Colour).json_schema()["x-kubernetes-validations"][0]["rule"]
        "self.matches('^(#[0-9a-f]{6})$')"
    """

    pattern: str
    message: str

    @property
    def rule(self) -> Rule:
        """The spelling as a rule on the text itself."""
        return Rule(f"self.matches('^({self.pattern})$')", self.message, self._is_kept)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Have the operator check the text after its length."""
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Have the API server check it too."""
        return {**handler(schema), "x-kubernetes-validations": validations_of([self.rule])}

    def _is_kept(self, text: str) -> bool:
        return re.fullmatch(self.pattern, text) is not None

    def _checked(self, text: str) -> str:
        if broken := broken_rules([self.rule], text):
            raise ValueError(broken)
        return text


_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"

OBJECT_NAME = Spelling(
    "[a-z0-9]([-a-z0-9.]*[a-z0-9])?",
    "must be the name of an object: lower-case letters, digits, hyphens and dots, with a letter or digit at both ends; "
    "write for example internvl-models",
)
DNS_LABEL = Spelling(
    _LABEL,
    "must be lower-case letters, digits and hyphens, with a letter or digit at both ends: write for example team-a",
)
DNS_NAME = Spelling(
    f"{_LABEL}([.]{_LABEL})*",
    "must be lower-case letters, digits and hyphens, in parts that dots separate, each with a letter or digit at both "
    "ends: write for example inference.team-a",
)
HOSTNAME = Spelling(
    f"([*][.])?{_LABEL}([.]{_LABEL})*",
    "must be a hostname in lower case, without scheme, port and path: write for example captions.example.com, or "
    "*.example.com",
)
SECRET_KEY = Spelling(
    "[-._a-zA-Z0-9]+",
    "must be a key in a Secret: letters, digits, hyphens, underscores and dots; write for example token",
)
IMAGE = Spelling(
    "[a-z0-9][-a-zA-Z0-9._/:@]*",
    "must be the reference of an image, which begins with a lower-case letter or a digit and has no scheme and no "
    "spaces: write for example registry.example.com/team/model:1",
)
REVISION = Spelling(
    "[A-Za-z0-9][-A-Za-z0-9_./]*",
    "must be a branch, tag or commit: letters, digits, hyphens, underscores, dots and slashes, with a letter or digit "
    "first; write for example main, or a commit of 40 digits",
)
PRODUCT = Spelling(
    "[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?",
    "must be a value of the node label nvidia.com/gpu.product, which has hyphens and no spaces: write for example "
    "NVIDIA-A100-SXM4-80GB",
)
MODEL_NAME = Spelling(
    "[A-Za-z0-9][-A-Za-z0-9_./:]*",
    "must be letters, digits, hyphens, underscores, dots, slashes and colons, with a letter or digit first: write for "
    "example captions-8b",
)
ACCEPTED_REVISION = Spelling(
    "[a-z0-9]*", "must be copied from status.updateRevision: write for example 46dbb557e0e7448d"
)
RESTART_TIME = Spelling(
    "[-+:.A-Za-z0-9]*",
    "must be a time, or another text of letters, digits, hyphens, dots, colons and plus signs: write for example "
    "2026-01-31T12:00:00Z",
)
ADDRESS = Spelling(
    "[A-Za-z0-9]([-.A-Za-z0-9]*[A-Za-z0-9])?:[0-9]{1,5}",
    "must be a host and a port: write for example interceptor.keda:9090",
)
HUB_URL = Spelling("https?://[^ /?#]+[^ ?#]*", "must be a URL: write for example https://hub.example.com")
QUANTITY = Spelling(
    PATTERN.removeprefix("^").removesuffix("$").replace(r"\.", "[.]"),
    "must be a quantity of Kubernetes, without sign and spaces: write for example 4, 500m or 64Gi",
)
