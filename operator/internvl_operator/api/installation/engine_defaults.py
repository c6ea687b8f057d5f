"""Which LMDeploy an installation runs where a resource names none, and where its images are."""

from typing import Annotated

from pydantic import AfterValidator, Field

from internvl_operator.api.base import ApiModel
from internvl_operator.api.spec import EngineVersion
from internvl_operator.catalog.engines import engine


def _known_image(name: str) -> str:
    version, _, variant = name.partition("-")
    if variant and variant not in (each.name for each in engine(version).variants):
        raise ValueError(f"LMDeploy {version} has no image {variant}")
    return engine(version).version + (f"-{variant}" if variant else "")


ImageName = Annotated[str, AfterValidator(_known_image)]

Digest = Annotated[str, Field(pattern=r"^sha256:[a-f0-9]{64}$")]


class EngineDefaults(ApiModel):
    """Which LMDeploy runs, and where its images are."""

    version: EngineVersion | None = None
    """Release for resources that name none."""
    registry: str = ""
    """Registry, and path in it, put before the names of the published images."""
    digests: dict[ImageName, Digest] = {}
    """Digest of the published image by release, or by release and variant, such as 0.18.0-cu13.0."""
    images: dict[EngineVersion, str] = {}
    """Whole image reference by release, in place of the published one."""

    def image_of(self, version: str, published: str, variant: str = "") -> str:
        """Return the image of a release.

        Args:
            version: the release.
            published: the image's name as the project publishes it.
            variant: the suffix of its tag; empty for the release's default.
        """
        image = f"{self.registry.rstrip('/')}/{published}" if self.registry else published
        digest = self.digests.get(f"{version}-{variant}" if variant else version)
        return f"{image}@{digest}" if digest else image
