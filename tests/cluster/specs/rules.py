"""Wrong specs that rules over several fields refuse, or the way that the API server reads an object."""

from __future__ import annotations

from internvl_operator.catalog.spec_flags import OPERATOR_FLAGS
from tests.cluster.specs.misspelled import MISSPELLED
from tests.cluster.specs.models import OF_MODELS
from tests.cluster.specs.table import Spec, WrongSpec, at

_NAME = "metadata.name must be at most 52 lower-case letters, digits and hyphens, beginning with a letter"
_TP = "engine.tp must be 1, 2, 4, 8 or 16: it has to divide the model's attention heads and KV heads"
_MIG = "engine.tp must be 1 on a MIG resource: LMDeploy cannot spread a model over MIG slices"
_MOST_GPUS = (
    "engine.tp is more than gpu.maxCount: one replica has as many GPUs as tp; raise gpu.maxCount or lower tp"
)
_ONE_SOURCE = "model.source takes one of huggingFace, persistentVolumeClaim and image: remove the others"
_REVISION = "model.revision is for a Hugging Face source: remove it, and name the version in the claim's path"
_PATH = "persistentVolumeClaim.path must be relative and without ..: write for example models/InternVL2-8B"
_ENDPOINT = "huggingFace.endpoint must be a URL such as https://hub.example.com"
_SHARED = "gpu.product ends with -SHARED: a GPU shared in time cannot hold a planned amount of memory"
_EXPOSED = "opens the server to outside the namespace: name who may reach it in networkPolicy.from"
_EGRESS_TO = "networkPolicy.egress.to limits nothing alone: write networkPolicy.egress.enabled true"
_EGRESS = "networkPolicy.egress needs the NetworkPolicy: write networkPolicy.enabled true, or remove egress"
_RESOURCES = "podTemplate.resources takes cpu, memory and ephemeral-storage; GPUs follow from the plan"
_LABELS = "podTemplate.labels must not begin with internvl.dev/ or app.kubernetes.io/"
_ANNOTATIONS = "podTemplate.annotations must not begin with internvl.dev/ or app.kubernetes.io/"
_NODE_SELECTOR = "podTemplate.nodeSelector must not name nvidia.com/gpu.product: use spec.gpu.product"
_NO_RATE = "load needs requestsPerSecond: write how many requests arrive per second, or remove load"
_TWO_SIZES = "load.imageSize and load.tiles say the same: remove one of them"
_NO_MOST_REPLICAS = "autoscaling needs maxReplicas: write the most replicas that may run"
_REPLICAS = "autoscaling.minReplicas is more than autoscaling.maxReplicas: lower it, or raise maxReplicas"
_PLAIN_WAKING = (
    "autoscaling.minReplicas 0 and server.tlsSecretRef exclude each other: the interceptor that wakes a model "
    "speaks plain HTTP to it; remove tlsSecretRef, or write minReplicas 1"
)
_NO_PARENT = "gateway needs parentRefs: name the Gateways that are to route to this model, or remove gateway"
_POOL_AND_TLS = (
    "gateway.balancing InferencePool reaches the replicas by plain HTTP alone: remove server.tlsSecretRef and let the "
    "Gateway's listener end TLS, or write gateway.balancing Service"
)
_POOL_AND_WAKING = (
    "gateway.balancing InferencePool leads past the interceptor that wakes a model from 0 replicas: write "
    "gateway.balancing Service, or autoscaling.minReplicas 1"
)
_ONE_CLAIM = (
    "model.cache takes claimName for a claim that exists or size for one that is made: remove one of them"
)
_CACHE_SIZE = (
    "model.cache.size is the size of a claim for the model's files: write for example 100Gi, "
    "in any case more than 1Gi"
)
_CACHE_CLASS = "model.cache.storageClassName is for a claim that is made: write model.cache.size too"
_CACHE_MODE = "model.cache.accessMode is a claim's: write model.cache.size or model.cache.claimName too"
_NOTHING_TO_CACHE = "model.cache keeps what is downloaded from a Hugging Face source: remove it"
_ONE_REPLICA = "model.cache on a ReadWriteOnce claim serves one replica: write accessMode ReadWriteMany"

_RESOURCE = "gpu.resource is nvidia.com/gpu or a MIG profile: write for example nvidia.com/mig-3g.40gb"
_REPOSITORY = "model.repository is one of the hub: write OWNER/NAME, for example OpenGVLab/InternVL2-8B"
_IMAGE_SIZE = "load.imageSize is an image's width and height in pixels: write for example 1344x896"

_CLAIM = {"persistentVolumeClaim": {"name": "models"}}
_IMAGE = {"image": {"reference": "example.com/internvl2"}}


def _breaks(name: str, message: str, spec: Spec) -> WrongSpec:
    """A spec that breaks one rule; the API server and the parser say the same of it."""
    return WrongSpec(name, {"size": "8B", **spec}, message, message)


def _named(metadata_name: str, why: str) -> WrongSpec:
    return WrongSpec(f"a name that {why}", {"size": "8B"}, _NAME, _NAME, metadata_name=metadata_name)


def _unknown(path: str, value: object = True, /, **beside: object) -> WrongSpec:
    """A field that does not exist."""
    return WrongSpec(
        name=f"unknown field {path}",
        spec=at(path, value, **beside),
        says=f'strict decoding error: unknown field "spec.{path}"',
        parse_says=f"spec.{path}: Extra inputs are not permitted",
    )


def _mistyped(path: str, value: object, wanted: str, parse_says: str) -> WrongSpec:
    """A value of another type."""
    return WrongSpec(
        name=f"{path} is not {wanted}",
        spec=at(path, value),
        says=f"must be of type {wanted}",
        parse_says=parse_says,
        field=f"spec.{path}",
    )


def _reserved(argument: str, flag: str) -> WrongSpec:
    message = f"engine.extraArgs must not hold {flag}: {OPERATOR_FLAGS[flag]}"
    return _breaks(f"extra argument {argument}", message, {"engine": {"extraArgs": [argument]}})


RULES: tuple[WrongSpec, ...] = (
    *MISSPELLED,
    *OF_MODELS,
    _breaks("tp 3", _TP, {"engine": {"tp": 3}}),
    _breaks("tp 0", _TP, {"engine": {"tp": 0}}),
    _breaks("negative tp", _TP, {"engine": {"tp": -2}}),
    _breaks("tp 32", _TP, {"engine": {"tp": 32}}),
    _breaks("tp above maxCount", _MOST_GPUS, {"engine": {"tp": 4}, "gpu": {"maxCount": 2}}),
    _breaks("tp 2 on MIG", _MIG, {"engine": {"tp": 2}, "gpu": {"resource": "nvidia.com/mig-3g.40gb"}}),
    *(
        _breaks(f"the resource {name}", _RESOURCE, {"gpu": {"resource": name}})
        for name in ("amd.com/gpu", "nvidia.com/gpu.shared", "nvidia.com/mig-1g.24gb-me", "nvidia-com/gpu")
    ),
    *(
        _breaks(f"GPU memory {text!r}", "gpu.memory is the memory of one GPU", {"gpu": {"memory": text}})
        for text in ("80GB", "-80Gi", "8e10", "")
    ),
    *(
        _breaks(f"the repository {name}", _REPOSITORY, {"model": {"repository": name}})
        for name in ("InternVL2-8B", "https://hub/a/b", "a/b/c", "a/-b")
    ),
    *(
        _breaks(f"images of {text}", _IMAGE_SIZE, at("load", {"requestsPerSecond": 1, "imageSize": text}))
        for text in ("large", "0x10", "1344 x 896")
    ),
    *(_breaks(f"a cache of {text}", _CACHE_SIZE, at("model.cache.size", text)) for text in ("100GB", "ten")),
    _breaks("GPUs shared in time", _SHARED, {"gpu": {"product": "NVIDIA-A100-SXM4-80GB-SHARED"}}),
    _breaks("GPU memory without its unit", "gpu.memory is the memory of one GPU", {"gpu": {"memory": "80"}}),
    *(_reserved(argument, "--tp") for argument in ("--tp", "--tp=2")),
    *(_reserved(argument, "--server-port") for argument in ("--server-port=8000", "--server_port")),
    *(_reserved(argument, "--model-name") for argument in ("--model_name=x", "--model-name")),
    _reserved("--api-keys", "--api-keys"),
    _reserved("--trust-remote-code", "--trust-remote-code"),
    *(_reserved(flag, flag) for flag in ("--max-prefill-token-num", "--cache-block-seq-len", "--dtype")),
    _breaks(
        "two sources",
        _ONE_SOURCE,
        {"model": {"source": {**_CLAIM, "huggingFace": {"endpoint": "https://hub"}}}},
    ),
    _breaks("all three sources", _ONE_SOURCE, {"model": {"source": {**_CLAIM, **_IMAGE, "huggingFace": {}}}}),
    _breaks("a revision of a claim", _REVISION, {"model": {"revision": "main", "source": _CLAIM}}),
    _breaks("a revision of an image", _REVISION, {"model": {"revision": "main", "source": _IMAGE}}),
    _breaks("two caches", _ONE_CLAIM, at("model.cache", {"claimName": "models", "size": "100Gi"})),
    _breaks("a cache of 100 bytes", _CACHE_SIZE, at("model.cache.size", "100")),
    _breaks("a cache of 1 GiB", _CACHE_SIZE, at("model.cache.size", "1Gi")),
    _breaks("a class alone", _CACHE_CLASS, at("model.cache.storageClassName", "fast")),
    _breaks(
        "a class of an existing claim",
        _CACHE_CLASS,
        at("model.cache", {"claimName": "models", "storageClassName": "fast"}),
    ),
    _breaks("an access mode alone", _CACHE_MODE, at("model.cache.accessMode", "ReadWriteMany")),
    *(
        _breaks(
            f"a cache of files that are in {holder} already",
            _NOTHING_TO_CACHE,
            {"model": {"source": source, "cache": cache}},
        )
        for holder, source, cache in (
            ("a claim", _CLAIM, {"size": "100Gi"}),
            ("an image", _IMAGE, {"claimName": "models"}),
        )
    ),
    *(
        _breaks(f"{name} on a claim of one node", _ONE_REPLICA, {"model": {"cache": cache}, **scale})
        for name, cache, scale in (
            ("two replicas", {"size": "100Gi"}, {"replicas": 2}),
            ("two replicas as asked", {"size": "100Gi", "accessMode": "ReadWriteOnce"}, {"replicas": 2}),
            (
                "two replicas and a claim's name",
                {"claimName": "models", "accessMode": "ReadWriteOnce"},
                {"replicas": 2},
            ),
            ("autoscaling", {"size": "100Gi"}, {"autoscaling": {"maxReplicas": 2}}),
        )
    ),
    *(
        _breaks(
            f"path {path} in a claim",
            _PATH,
            at("model.source.persistentVolumeClaim.path", path, name="models"),
        )
        for path in ("..", "../other", "models/../../etc", "/models")
    ),
    *(
        _breaks(f"hub {endpoint!r}", _ENDPOINT, at("model.source.huggingFace.endpoint", endpoint))
        for endpoint in ("", "hub.example.com", "ftp://hub.example.com", "https://", "https://hub?a=b")
    ),
    *(
        _breaks(f"{type_} open to everyone", _EXPOSED, {"service": {"type": type_}})
        for type_ in ("LoadBalancer", "NodePort")
    ),
    _breaks(
        "LoadBalancer from nowhere",
        _EXPOSED,
        {"service": {"type": "LoadBalancer"}, "networkPolicy": {"enabled": True, "from": []}},
    ),
    _breaks("egress to no effect", _EGRESS_TO, at("networkPolicy.egress.to", [{"podSelector": {}}])),
    _breaks("egress without a policy", _EGRESS, at("networkPolicy.egress", {"enabled": True}, enabled=False)),
    _breaks(
        "GPU requests in the pod template",
        _RESOURCES,
        at("podTemplate.resources.requests", {"nvidia.com/gpu": "2"}),
    ),
    _breaks(
        "GPU limits in the pod template",
        _RESOURCES,
        at("podTemplate.resources.limits", {"nvidia.com/gpu": "2"}),
    ),
    _breaks("the operator's label", _LABELS, at("podTemplate.labels", {"internvl.dev/name": "other"})),
    _breaks("a recommended label", _LABELS, at("podTemplate.labels", {"app.kubernetes.io/name": "other"})),
    _breaks(
        "the operator's annotation", _ANNOTATIONS, at("podTemplate.annotations", {"internvl.dev/plan": "{}"})
    ),
    _breaks(
        "a recommended annotation", _ANNOTATIONS, at("podTemplate.annotations", {"app.kubernetes.io/x": "y"})
    ),
    _breaks(
        "a product in the nodeSelector",
        _NODE_SELECTOR,
        at("podTemplate.nodeSelector", {"nvidia.com/gpu.product": "NVIDIA-L4"}),
    ),
    _breaks("a load without a rate", _NO_RATE, at("load.images", 2)),
    _breaks("a time to the first token without a rate", _NO_RATE, at("load.timeToFirstTokenSeconds", 2)),
    _breaks(
        "an image's size twice",
        _TWO_SIZES,
        at("load", {"requestsPerSecond": 1, "imageSize": "448x448", "tiles": 1}),
    ),
    _breaks(
        "fewest replicas without most",
        _NO_MOST_REPLICAS,
        at("autoscaling.minReplicas", 2),
    ),
    _breaks(
        "more replicas at least than at most",
        _REPLICAS,
        at("autoscaling", {"minReplicas": 3, "maxReplicas": 2}),
    ),
    _breaks(
        "no replica at least, and TLS",
        _PLAIN_WAKING,
        {
            **at("autoscaling", {"minReplicas": 0, "maxReplicas": 2}),
            "server": {"tlsSecretRef": {"name": "tls"}},
        },
    ),
    _breaks(
        "no replica at least, and an InferencePool",
        _POOL_AND_WAKING,
        {
            **at("autoscaling", {"minReplicas": 0, "maxReplicas": 2}),
            "gateway": {"parentRefs": [{"name": "inference"}], "balancing": "InferencePool"},
        },
    ),
    _breaks(
        "no replica at least, and none at most",
        _NO_MOST_REPLICAS,
        at("autoscaling.minReplicas", 0),
    ),
    _breaks("hostnames without a Gateway", _NO_PARENT, at("gateway.hostnames[]", "captions.example.com")),
    _breaks(
        "balancing without a Gateway", _NO_PARENT, at("gateway", {"parentRefs": [], "balancing": "Auto"})
    ),
    _breaks(
        "an InferencePool of servers that speak TLS",
        _POOL_AND_TLS,
        {
            "gateway": {"parentRefs": [{"name": "inference"}], "balancing": "InferencePool"},
            "server": {"tlsSecretRef": {"name": "tls"}},
        },
    ),
    _named("c" * 53, "has 53 characters"),
    _named("8b", "begins with a digit"),
    _named("captions.vision", "has a dot"),
)

READING: tuple[WrongSpec, ...] = (
    _unknown("sizes"),
    _unknown("paused"),
    _unknown("server.apiKey", "secret"),
    _unknown("gpu.count", 2),
    _unknown("gpu.max_count", 2),
    _unknown("engine.session_len", 4096),
    _unknown("model.source.s3", {}),
    _unknown("model.source.huggingFace.token", "secret"),
    _unknown("model.source.persistentVolumeClaim.readOnly", name="models"),
    _unknown("server.host", "0.0.0.0"),
    _unknown("service.loadBalancerIP", "192.0.2.1"),
    _unknown("networkPolicy.to", []),
    _unknown("podTemplate.hostNetwork"),
    _unknown("podTemplate.resources.claims", []),
    _mistyped("replicas", "2", "integer", "spec.replicas: Input should be a valid integer"),
    _mistyped("engine.tp", "2", "integer", "spec.engine.tp: Input should be a valid integer"),
    _mistyped("engine.cacheMaxEntryCount", "0.5", "number", "Input should be a valid number"),
    _mistyped("networkPolicy.enabled", "false", "boolean", "Input should be a valid boolean"),
    _mistyped("engine.extraArgs", "--log-level INFO", "array", "Input should be a valid list"),
    WrongSpec(
        "a misspelt field of an affinity",
        at("podTemplate.affinity.nodeAffinty", {}),
        'strict decoding error: unknown field "spec.podTemplate.affinity.nodeAffinty"',
        "spec.podTemplate.affinity: has no field 'nodeAffinty'",
    ),
    WrongSpec(
        "seconds of a toleration as text",
        at("podTemplate.tolerations[].tolerationSeconds", "300"),
        "must be of type integer",
        "spec.podTemplate.tolerations[0]: tolerationSeconds: must be a whole number",
    ),
    WrongSpec(
        "a number as a variable's value",
        at("engine.env[].value", 5, name="LEVEL"),
        "must be of type string",
        "spec.engine.env[0]: value: must be a text",
    ),
    _mistyped("podTemplate.affinity", "none", "object", "Input should be a valid dictionary"),
)
