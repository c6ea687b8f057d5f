"""How the model's files get into the pod: downloaded, from a claim, or from an image."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from internvl_operator.api.platform_defaults import PlatformDefaults
from internvl_operator.api.spec import EnvVar
from internvl_operator.api.v1alpha1 import InternVLDeployment, InternVLDeploymentSpec
from internvl_operator.manifests.objects.platform import platform_environment
from internvl_operator.manifests.server_arguments import MODELS_DIRECTORY, model_directory
from internvl_operator.planner.plan import Plan

_NETWORK_VARIABLES = frozenset(
    {
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
        *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    }
)
_HUB_PREFIXES = ("HF_HUB_", "HF_XET_")
_OFFLINE = "HF_HUB_OFFLINE"


@dataclass(frozen=True, slots=True)
class Download:
    """The container that fetches the model."""

    command: list[str]
    env: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ModelMount:
    """Where the serving container sees the model; ``sub_path`` empty for the volume's root."""

    path: str
    sub_path: str = ""


@dataclass(frozen=True, slots=True)
class ModelVolume:
    """The volume that holds the model: the kind of volume, and its source in Kubernetes's terms."""

    kind: str
    source: dict[str, Any]


def holds_exclusive_claim(spec: InternVLDeploymentSpec) -> bool:
    """Return whether all pods share a ReadWriteOnce volume: a new pod may wait until an old one releases it."""
    return spec.model.cache.is_exclusive


def is_downloaded(resource: InternVLDeployment) -> bool:
    """Return whether the model is downloaded, and does not come from a claim or an image."""
    return not resource.spec.model.has_own_files


def keeps_files_in_pod(resource: InternVLDeployment) -> bool:
    """Return whether each pod downloads the model into a volume of its own."""
    return is_downloaded(resource) and not resource.spec.model.cache.is_given


def download_of(resource: InternVLDeployment, plan: Plan, platform: PlatformDefaults) -> Download | None:
    """Return the container that downloads the model, or None when a claim or an image has the files."""
    if not is_downloaded(resource):
        return None
    settings = {"HOME": "/scratch", "HF_HOME": "/scratch/huggingface", **platform_environment(platform)}
    hub = resource.spec.model.source.hugging_face
    if hub and hub.endpoint:
        settings["HF_ENDPOINT"] = hub.endpoint
    variables: dict[str, dict[str, Any]] = {
        name: {"name": name, "value": value} for name, value in settings.items()
    }
    if hub and hub.token_secret_ref:
        token = {"secretKeyRef": hub.token_secret_ref.to_object()}
        variables["HF_TOKEN"] = {"name": "HF_TOKEN", "valueFrom": token}
    variables |= _of_the_network(resource.spec.engine.env)
    env = list(variables.values())
    command = ["python3", "-c", _script(), plan.repository, _revision(resource)]
    if resource.spec.model.cache.is_given:
        # The files are served as long as the claim exists: that is worth reading each byte for its checksum.
        return Download([*command, f"{MODELS_DIRECTORY}/{_cache_path(resource, plan)}", "--checksums"], env)
    return Download([*command, model_directory(plan)], env)


def model_mount(resource: InternVLDeployment, plan: Plan) -> ModelMount:
    """Return where the serving container finds the model."""
    source = resource.spec.model.source
    if source.persistent_volume_claim:
        return ModelMount(model_directory(plan), source.persistent_volume_claim.path)
    if source.image:
        return ModelMount(model_directory(plan))
    if resource.spec.model.cache.is_given:
        return ModelMount(model_directory(plan), _cache_path(resource, plan))
    return ModelMount(MODELS_DIRECTORY)


def model_volume(resource: InternVLDeployment) -> ModelVolume:
    """Return the volume that holds the model."""
    model = resource.spec.model
    if model.source.persistent_volume_claim:
        claim = {"claimName": model.source.persistent_volume_claim.name, "readOnly": True}
        return ModelVolume("persistentVolumeClaim", claim)
    if model.source.image:
        return ModelVolume("image", model.source.image.to_object())
    if model.cache.is_given:
        # The volume is writable because the download writes to it. The server's mount is read-only.
        name = model.cache.claim_name or resource.metadata.name
        return ModelVolume("persistentVolumeClaim", {"claimName": name})
    return ModelVolume("emptyDir", {})


def _revision(resource: InternVLDeployment) -> str:
    return resource.spec.model.revision or "main"


def _cache_path(resource: InternVLDeployment, plan: Plan) -> str:
    """Return the directory of a repository and revision in a claim, which several resources may share.

    The last part is the repository's name: LMDeploy up to 0.9.2 chooses the chat template by it.
    """
    owner, name = plan.repository.split("/", 1)
    return f"{owner}--{name}/{_revision(resource).replace('/', '--')}/{name}"


def _of_the_network(given: Sequence[EnvVar]) -> dict[str, dict[str, Any]]:
    """Return by name the engine's variables that say how to reach the hub, with the variables that they refer to."""
    variables = {variable.name: variable.to_object() for variable in given}
    wanted = [
        name
        for name in variables
        if name in _NETWORK_VARIABLES or (name.startswith(_HUB_PREFIXES) and name != _OFFLINE)
    ]
    needed: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name in variables and name not in needed:
            needed.add(name)
            wanted += _references(variables[name])
    return {name: variable for name, variable in variables.items() if name in needed}


_REFERENCE = re.compile(r"\$\(([^$)]+)\)")
"""A reference to another variable in a value. Names have no dollar sign, so that matching takes linear time."""


def _references(variable: Mapping[str, Any]) -> list[str]:
    return _REFERENCE.findall(variable.get("value") or "")


@cache
def _script() -> str:
    return (files("internvl_operator.init_container") / "fetch_model.py").read_text(encoding="utf-8")
