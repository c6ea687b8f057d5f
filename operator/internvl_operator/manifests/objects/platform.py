"""What the installation's defaults add to the pods that no field of a resource says: proxy, authorities, mirrors."""

from dataclasses import dataclass
from typing import Any

from internvl_operator.api.platform_defaults import PlatformDefaults

CA_FILE = "/etc/internvl/ca/ca.crt"


@dataclass(frozen=True, slots=True)
class CertificateAuthorities:
    """The ConfigMap that the pods mount, as a volume's source, and the directory where they do."""

    source: dict[str, Any]
    directory: str


def platform_environment(platform: PlatformDefaults) -> dict[str, str]:
    """Return the environment of every container that opens connections."""
    proxy = platform.proxy
    environment = {
        "HTTP_PROXY": proxy.http_proxy,
        "HTTPS_PROXY": proxy.https_proxy,
        "NO_PROXY": proxy.no_proxy,
        # OpenSSL, and so httpx and aiohttp, go by the first; requests goes by the second.
        "SSL_CERT_FILE": CA_FILE if platform.ca_bundle else None,
        "REQUESTS_CA_BUNDLE": CA_FILE if platform.ca_bundle else None,
    }
    return {name: value for name, value in environment.items() if value}


def certificate_authorities(platform: PlatformDefaults) -> CertificateAuthorities | None:
    """Return the certificate authorities to trust beside none, or None for those of the image."""
    if platform.ca_bundle is None:
        return None
    directory, file = CA_FILE.rsplit("/", 1)
    bundle = platform.ca_bundle
    items = [{"key": bundle.key, "path": file}]
    return CertificateAuthorities({"name": bundle.config_map_name, "items": items}, directory)
