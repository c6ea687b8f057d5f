"""What the installation's defaults add to every pod, without a field of the resource: proxy and authorities."""

from dataclasses import dataclass
from typing import Any

from internvl_operator.api.platform_defaults import PlatformDefaults

CA_FILE = "/etc/internvl/ca/ca.crt"


@dataclass(frozen=True, slots=True)
class CertificateAuthorities:
    """The certificate authorities that a pod trusts.

    Args:
        source: the ConfigMap that holds them, as the source of a volume.
        directory: where the pods mount the volume.
    """

    source: dict[str, Any]
    directory: str


def platform_environment(platform: PlatformDefaults) -> dict[str, str]:
    """Return the environment of every container that opens connections."""
    proxy = platform.proxy
    environment = {
        "HTTP_PROXY": proxy.http_proxy,
        "HTTPS_PROXY": proxy.https_proxy,
        "NO_PROXY": proxy.no_proxy,
        # OpenSSL, and with it httpx and aiohttp, reads the first; requests reads the second.
        "SSL_CERT_FILE": CA_FILE if platform.ca_bundle else None,
        "REQUESTS_CA_BUNDLE": CA_FILE if platform.ca_bundle else None,
    }
    return {name: value for name, value in environment.items() if value}


def certificate_authorities(platform: PlatformDefaults) -> CertificateAuthorities | None:
    """Return the certificate authorities that replace those of the image, or None when the image's are kept."""
    if platform.ca_bundle is None:
        return None
    directory, file = CA_FILE.rsplit("/", 1)
    bundle = platform.ca_bundle
    items = [{"key": bundle.key, "path": file}]
    return CertificateAuthorities({"name": bundle.config_map_name, "items": items}, directory)
