"""``spec.model``: which weights are served and where they come from."""

import re
from typing import Annotated, Literal

from pydantic import Field

from internvl_operator.api.base import ApiModel, Rule
from internvl_operator.api.pod_template import Bytes, Name
from internvl_operator.api.rules import spellings
from internvl_operator.api.rules.field_rules import more_than_1_gib, spelled

RelativePath = Annotated[str, Field(max_length=512)]


class SecretKeyReference(ApiModel):
    """A key of a Secret in the same namespace."""

    name: Name
    """Name of the Secret."""
    key: Annotated[str, Field(max_length=253), spellings.SECRET_KEY]
    """Key in the Secret."""


class HuggingFaceSource(ApiModel):
    """A Hugging Face hub, from which an init container downloads the model."""

    endpoint: Annotated[str, Field(max_length=512)] | None = None
    """Address of the hub or of a mirror, for example https://hub.example.com. Default: the public hub."""
    token_secret_ref: SecretKeyReference | None = None
    """Token for the hub. Only the downloading container sees it."""

    rules = (
        Rule(
            "!has(self.endpoint) || self.endpoint.matches('^https?://[^ /?#]+[^ ?#]*$')",
            "huggingFace.endpoint must be a URL such as https://hub.example.com",
            lambda h: (
                h.endpoint is None or re.fullmatch("https?://[^ /?#]+(/[^ ?#]*)?", h.endpoint) is not None
            ),
        ),
    )


class PersistentVolumeClaimSource(ApiModel):
    """An existing claim that holds the model's files."""

    name: Name
    """Name of the PersistentVolumeClaim."""
    path: RelativePath = ""
    """Directory of the model in the volume, relative to its root, for example internvl2/8b. Default: the root."""

    rules = (
        Rule(
            "!has(self.path) || (!self.path.startsWith('/') && !self.path.split('/').exists(p, p == '..'))",
            "persistentVolumeClaim.path must be relative and without ..: write for example models/InternVL2-8B",
            lambda c: not c.path.startswith("/") and ".." not in c.path.split("/"),
        ),
    )


class ImageSource(ApiModel):
    """An OCI image whose files are the model, mounted as an image volume (Kubernetes 1.35 or the feature gate)."""

    reference: Annotated[str, Field(max_length=512), spellings.IMAGE]
    """Reference of the image, for example registry.example.com/internvl2-8b:1."""
    pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    """When the image is pulled. Default: Kubernetes's, which is Always for the tag latest, else IfNotPresent."""


class ModelSource(ApiModel):
    """Where the model's files come from: at most one of the three."""

    hugging_face: HuggingFaceSource | None = None
    """A Hugging Face hub. This is the default."""
    persistent_volume_claim: PersistentVolumeClaimSource | None = None
    """An existing claim that holds the model's files."""
    image: ImageSource | None = None
    """An OCI image that holds the model's files."""

    rules = (
        Rule(
            "[has(self.huggingFace), has(self.persistentVolumeClaim), has(self.image)].filter(given, given)"
            ".size() <= 1",
            "model.source takes one of huggingFace, persistentVolumeClaim and image: remove the others",
            lambda s: [s.hugging_face, s.persistent_volume_claim, s.image].count(None) >= 2,
        ),
    )


class ModelCache(ApiModel):
    """A PersistentVolumeClaim that keeps the downloaded files: an existing one, or one that the operator creates."""

    claim_name: Name | None = None
    """Name of an existing claim; several resources may share it."""
    size: Bytes | None = None
    """Size of a claim that the operator creates under the resource's name and deletes with it, for example 100Gi."""
    storage_class_name: Name | None = None
    """StorageClass of the created claim. Default: the cluster's default."""
    access_mode: Literal["ReadWriteOnce", "ReadWriteMany"] | None = None
    """Access mode of the claim: ReadWriteOnce serves one replica. Default: ReadWriteOnce for a created claim,
    ReadWriteMany for an existing one."""

    rules = (
        Rule(
            "!has(self.claimName) || !has(self.size)",
            "model.cache takes claimName for a claim that exists or size for one that is made: remove one of them",
            lambda c: c.claim_name is None or c.size is None,
        ),
        more_than_1_gib(
            "size",
            "model.cache.size is the size of a claim for the model's files: write for example 100Gi, "
            "in any case more than 1Gi",
        ),
        Rule(
            "!has(self.storageClassName) || has(self.size)",
            "model.cache.storageClassName is for a claim that is made: write model.cache.size too, or remove it",
            lambda c: c.storage_class_name is None or c.size is not None,
        ),
        Rule(
            "!has(self.accessMode) || has(self.size) || has(self.claimName)",
            "model.cache.accessMode is a claim's: write model.cache.size or model.cache.claimName too",
            lambda c: c.access_mode is None or c.is_given,
        ),
    )

    @property
    def is_given(self) -> bool:
        """Whether the spec asks for a claim that keeps the downloaded files."""
        return self.size is not None or self.claim_name is not None

    @property
    def is_exclusive(self) -> bool:
        """Whether the claim is ReadWriteOnce: all pods that use it must be on one node."""
        if self.access_mode is not None:
            return self.access_mode == "ReadWriteOnce"
        return self.size is not None


class ModelSpec(ApiModel):
    """Which weights are served."""

    repository: Annotated[str, Field(max_length=192)] | None = None
    """Repository of the model on the hub, OWNER/NAME: for example a fine-tune of the same series and size. Default: the
    repository of OpenGVLab for the series, size and quantization."""
    revision: Annotated[str, Field(max_length=128), spellings.REVISION] | None = None
    """Branch, tag or commit of the repository. Default: main."""
    source: ModelSource = ModelSource()
    """Where the files come from. Default: Hugging Face's public hub."""
    cache: ModelCache = ModelCache()
    """A claim that keeps the downloaded files. Default: each pod downloads them for itself."""

    @property
    def has_own_files(self) -> bool:
        """Whether the files come from a claim or an image, and so are not downloaded."""
        return self.source.persistent_volume_claim is not None or self.source.image is not None

    @property
    def names_weights(self) -> bool:
        """Whether the spec itself names the weights, so that those of the catalogue do not count."""
        return self.repository is not None or self.has_own_files

    rules = (
        spelled(
            "repository",
            "[A-Za-z0-9][-A-Za-z0-9_.]*/[A-Za-z0-9][-A-Za-z0-9_.]*",
            "model.repository is one of the hub: write OWNER/NAME, for example OpenGVLab/InternVL2-8B",
        ),
        Rule(
            "!has(self.cache) || (!has(self.cache.size) && !has(self.cache.claimName)) || !has(self.source) || "
            "(!has(self.source.persistentVolumeClaim) && !has(self.source.image))",
            "model.cache keeps what is downloaded from a Hugging Face source: remove it, the claim or image has the "
            "files already",
            lambda m: not m.cache.is_given or not m.has_own_files,
        ),
        Rule(
            "!has(self.revision) || !has(self.source) || "
            "(!has(self.source.persistentVolumeClaim) && !has(self.source.image))",
            "model.revision is for a Hugging Face source: remove it, and name the version in the claim's path "
            "or the image's reference",
            lambda m: m.revision is None or not m.has_own_files,
        ),
    )
