"""The installation's defaults for the pods that serve models: one file, which the Helm chart mounts.

A field of the resource wins over a default. A change of the defaults restarts no model: it reaches a model with the
next change of the model's spec, or when a user accepts the model's update.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator

from internvl_operator.api.base import ApiModel
from internvl_operator.api.gateway import EndpointPickerDefaults
from internvl_operator.api.installation.engine_defaults import EngineDefaults
from internvl_operator.api.kubernetes.kubernetes_types import NetworkPolicyPeer, Toleration
from internvl_operator.api.lifecycle import KedaHttp
from internvl_operator.api.pod_template import (
    Identity,
    LabelMap,
    LocalObjectReference,
    Name,
    PodTemplate,
    StringMap,
    own_keys_only,
)
from internvl_operator.api.rules import spellings
from internvl_operator.api.source import HuggingFaceSource, ModelSpec
from internvl_operator.api.spec import Engine, Gpu, MaxCount
from internvl_operator.api.v1alpha1 import InternVLDeployment, InternVLDeploymentSpec
from internvl_operator.text.yaml_documents import read_document

_ONE_VALUE = ("identity", "runtime_class_name", "scheduler_name", "priority_class_name")
"""Defaults that count where ``spec.podTemplate`` has no value under the same name."""


class GpuDefaults(ApiModel):
    """The GPUs that one replica may use."""

    max_count: MaxCount | None = None
    """Most GPUs of one replica, for resources that say neither gpu.maxCount nor a larger engine.tp."""


class HuggingFaceDefaults(ApiModel):
    """Where models are downloaded from."""

    endpoint: Annotated[str, spellings.HUB_URL] | None = None
    """Address of the hub, or of a mirror."""


class CacheDefaults(ApiModel):
    """The claims in which downloads are kept."""

    storage_class_name: Name | None = None
    """StorageClass of claims that are made from now on."""


class Proxy(ApiModel):
    """The way to the internet, for the download of models and of the images in requests."""

    http_proxy: str | None = None
    """Proxy for http:// addresses."""
    https_proxy: str | None = None
    """Proxy for https:// addresses."""
    no_proxy: str | None = None
    """Hosts that are reached without it, separated by commas."""


class CABundle(ApiModel):
    """Certificate authorities to trust, from a ConfigMap of the model's namespace."""

    config_map_name: Name
    """Name of the ConfigMap."""
    key: str = "ca.crt"
    """Its key."""


class NetworkPolicyDefaults(ApiModel):
    """Who may reach every model."""

    from_: Annotated[list[NetworkPolicyPeer], Field(alias="from")] = []
    """Kubernetes NetworkPolicyPeers, such as the namespace of Prometheus."""


class PlatformDefaults(ApiModel):
    """The installation's defaults."""

    engine: EngineDefaults = EngineDefaults()
    """Which LMDeploy runs, and where its images are."""
    gpu: GpuDefaults = GpuDefaults()
    """The GPUs that one replica may use."""
    image_pull_secrets: list[LocalObjectReference] = []
    """Secrets with which the engine's image is pulled."""
    hugging_face: HuggingFaceDefaults = HuggingFaceDefaults()
    """Where models are downloaded from."""
    cache: CacheDefaults = CacheDefaults()
    """The claims in which downloads are kept."""
    proxy: Proxy = Proxy()
    """The way to the internet."""
    ca_bundle: CABundle | None = None
    """Certificate authorities to trust."""
    node_selector: LabelMap = {}
    """Node labels that the pods need; those of the resource win."""
    tolerations: list[Toleration] = []
    """Tolerations of the pods, in addition to those of the resource."""
    identity: Identity | None = None
    """User and groups of pods whose resource names none."""
    runtime_class_name: Name | None = None
    """RuntimeClass of pods whose resource names none."""
    scheduler_name: Name | None = None
    """Scheduler of pods whose resource names none."""
    priority_class_name: Name | None = None
    """PriorityClass of pods whose resource names none."""
    pod_labels: LabelMap = {}
    """Labels of the pods; those of the resource win."""
    pod_annotations: StringMap = {}
    """Annotations of the pods; those of the resource win."""
    network_policy: NetworkPolicyDefaults = NetworkPolicyDefaults()
    """Who may reach every model, beside who may by its resource."""
    keda_http: KedaHttp = KedaHttp()
    """Where KEDA's HTTP add-on runs."""
    endpoint_picker: EndpointPickerDefaults = EndpointPickerDefaults()
    """The endpoint pickers of models behind a Gateway."""

    @field_validator("pod_labels", "pod_annotations")
    @classmethod
    def _are_not_the_operators(cls, mapping: dict[str, str]) -> dict[str, str]:
        if not own_keys_only(mapping):
            raise ValueError(
                "keys of internvl.dev/ and app.kubernetes.io/ are the operator's: choose another prefix"
            )
        return mapping

    def applied_to(self, resource: InternVLDeployment) -> InternVLDeployment:
        """Return the resource with the defaults in the fields that it leaves out.

        Defaults for which a resource has no field, such as the proxy, are not part of it.
        """
        spec = resource.spec
        interceptor = [self.keda_http.peer] if spec.autoscaling.sleeps else []
        peers = [*self.network_policy.from_, *interceptor, *spec.network_policy.from_]
        filled: dict[str, Any] = {
            "engine": self._engine(spec.engine),
            "gpu": self._gpu(spec),
            "model": self._model(spec.model),
            "network_policy": spec.network_policy.model_copy(update={"from_": peers}),
            "pod_template": self._pod_template(spec.pod_template),
        }
        return resource.model_copy(update={"spec": spec.model_copy(update=filled)})

    def _engine(self, engine: Engine) -> Engine:
        if self.engine.version is not None and "version" not in engine.model_fields_set:
            engine = engine.model_copy(update={"version": self.engine.version})
        own = self.engine.images.get(engine.version)
        return engine.model_copy(update={"image": own}) if own and engine.image is None else engine

    def _gpu(self, spec: InternVLDeploymentSpec) -> Gpu:
        if self.gpu.max_count is None or "max_count" in spec.gpu.model_fields_set:
            return spec.gpu
        return spec.gpu.model_copy(update={"max_count": max(self.gpu.max_count, spec.engine.tp or 1)})

    def _model(self, model: ModelSpec) -> ModelSpec:
        model = self._cached(model)
        source = model.source
        hub = source.hugging_face or HuggingFaceSource()
        if source.persistent_volume_claim or source.image or hub.endpoint or not self.hugging_face.endpoint:
            return model
        hub = hub.model_copy(update={"endpoint": self.hugging_face.endpoint})
        return model.model_copy(update={"source": source.model_copy(update={"hugging_face": hub})})

    def _cached(self, model: ModelSpec) -> ModelSpec:
        default = self.cache.storage_class_name
        if default is None or model.cache.size is None or model.cache.storage_class_name is not None:
            return model
        cache = model.cache.model_copy(update={"storage_class_name": default})
        return model.model_copy(update={"cache": cache})

    def _pod_template(self, template: PodTemplate) -> PodTemplate:
        given = {secret.name for secret in template.image_pull_secrets}
        added = [secret for secret in self.image_pull_secrets if secret.name not in given]
        unset = {name: getattr(self, name) for name in _ONE_VALUE if getattr(template, name) is None}
        return template.model_copy(
            update={
                **unset,
                "labels": {**self.pod_labels, **template.labels},
                "annotations": {**self.pod_annotations, **template.annotations},
                "node_selector": {**self.node_selector, **template.node_selector},
                "tolerations": [*self.tolerations, *template.tolerations],
                "image_pull_secrets": [*added, *template.image_pull_secrets],
            }
        )


NO_DEFAULTS = PlatformDefaults()
"""The defaults of an installation that sets none."""


def read_platform_defaults(path: str | None) -> PlatformDefaults:
    """Return the defaults in a YAML file, or no defaults without a file.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is no YAML, or has wrong fields; the message names the file and the fields.
    """
    return NO_DEFAULTS if path is None else parse_platform_defaults(Path(path).read_text("utf-8"), path)


def parse_platform_defaults(text: str, name: str) -> PlatformDefaults:
    """Return the defaults in a YAML text.

    Args:
        text: the content of a file.
        name: the name of the file, for messages.

    Raises:
        ValueError: the text is no YAML, or has wrong fields; the message names the file and the fields.

    Example:
        >>> parse_platform_defaults("engine: {version: 0.17.0}", "defaults.yaml").engine.version
        '0.17.0'
    """
    try:
        content = read_document(text, name)
        return PlatformDefaults.model_validate({} if content is None else content)
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors())
        raise ValueError(f"{name}: {'; '.join(problems)}") from None
