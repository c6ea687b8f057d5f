"""Random defaults of an installation: some of all that there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from internvl_operator.api.platform_defaults import PlatformDefaults

if TYPE_CHECKING:
    from random import Random

EVERY_DEFAULT: dict[str, Any] = {
    "engine": {
        "version": "0.17.0",
        "registry": "registry.example.com/mirror",
        "digests": {"0.17.0": f"sha256:{'a' * 64}"},
        "images": {"0.8.0": "registry.example.com/lmdeploy:v0.8.0"},
    },
    "imagePullSecrets": [{"name": "mirror"}],
    "gpu": {"maxCount": 4},
    "endpointPicker": {"image": "registry.example.com/epp:v1.5.0"},
    "kedaHttp": {"namespace": "wakers"},
    "huggingFace": {"endpoint": "https://hub.example.com"},
    "cache": {"storageClassName": "fast"},
    "proxy": {"httpsProxy": "http://proxy.example.com:3128", "noProxy": ".svc"},
    "caBundle": {"configMapName": "authorities"},
    "nodeSelector": {"pool": "models"},
    "tolerations": [{"key": "models", "operator": "Exists"}],
    "identity": "ClusterAssigned",
    "runtimeClassName": "nvidia",
    "schedulerName": "volcano",
    "priorityClassName": "models",
    "podLabels": {"team": "platform"},
    "podAnnotations": {"linkerd.io/inject": "disabled"},
    "networkPolicy": {"from": [{"podSelector": {}}]},
}
"""Each of the fields that there are, which a test compares."""


def random_platform(random: Random) -> PlatformDefaults:
    """None of the defaults, or some of them."""
    share = random.choice((0, 0, 0.3, 1))
    given = {name: value for name, value in EVERY_DEFAULT.items() if random.random() < share}
    return PlatformDefaults.model_validate(given)
