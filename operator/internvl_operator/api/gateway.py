"""``spec.gateway``: how requests from outside of the cluster reach the model (Gateway API)."""

from typing import Annotated, Literal

from pydantic import Field

from internvl_operator.api.base import ApiModel, Rule
from internvl_operator.api.rules import spellings

Hostname = Annotated[str, Field(max_length=253), spellings.HOSTNAME]


class GatewayReference(ApiModel):
    """A Gateway, or one of its listeners."""

    name: Annotated[str, Field(max_length=253), spellings.DNS_NAME]
    """Name of the Gateway."""
    namespace: Annotated[str, Field(max_length=63), spellings.DNS_LABEL] | None = None
    """Namespace of the Gateway. Default: that of the resource."""
    section_name: Annotated[str, Field(max_length=253), spellings.DNS_NAME] | None = None
    """Name of the listener. Default: every listener that admits the route."""


class Gateway(ApiModel):
    """An HTTPRoute from Gateways to this model, for ``/v1/`` alone; needs the CRDs of the Gateway API."""

    parent_refs: Annotated[list[GatewayReference], Field(max_length=32)] = []
    """Gateways that are to route to this model. Their namespaces may reach the server."""
    hostnames: Annotated[list[Hostname], Field(max_length=16)] = []
    """Hostnames of the requests that are for this model. Default: all that the listeners have."""
    balancing: Literal["Auto", "InferencePool", "Service"] = "Auto"
    """Service leaves the replicas to the Gateway's own balancing; InferencePool asks an endpoint picker, of which no
    published image works yet (platformDefaults.endpointPicker.image names another); Auto is Service. Default: Auto."""

    rules = (
        Rule(
            "(has(self.parentRefs) && self.parentRefs.size() > 0) || (!has(self.hostnames) && !has(self.balancing))",
            "gateway needs parentRefs: name the Gateways that are to route to this model, or remove gateway",
            lambda g: bool(g.parent_refs) or not (g.model_fields_set - {"parent_refs"}),
        ),
    )

    @property
    def is_given(self) -> bool:
        """Whether the model is to be reached by a Gateway."""
        return bool(self.parent_refs)


class EndpointPickerDefaults(ApiModel):
    """The endpoint pickers of models behind a Gateway."""

    image: Annotated[str, spellings.IMAGE] = "registry.k8s.io/gateway-api-inference-extension/epp:v1.5.0"
    """Image of the endpoint picker."""
