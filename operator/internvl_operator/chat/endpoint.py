"""Where a model is served, and how to be let in."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An OpenAI-compatible API.

    Args:
        base_url: ends with ``/v1``.
        api_key: None when the server asks for none.
        model: the model's name, if it is known before the server is asked.
        ca_file: file with the certificate authority of the server; None for the system's.
        ca_data: certificates that vouch for the server, in PEM, in place of those of the file.
        insecure: whether the server's certificate is not checked.
        server_name: name in the server's certificate; None for the URL's host.
        obstacle: returns why connections fail, where more is known than their error says.
    """

    base_url: str
    api_key: str | None = None
    model: str | None = None
    ca_file: str | None = None
    ca_data: str | None = None
    insecure: bool = False
    server_name: str | None = None
    obstacle: Callable[[], str | None] = lambda: None

    def tls(self) -> ssl.SSLContext:
        """Return how the server's certificate is checked.

        Raises:
            OSError: the file of the certificate authority cannot be read, or holds none.
        """
        named = self.ca_data is not None or self.ca_file is not None
        if not named and (self.insecure or self.base_url.startswith("http:")):
            # Nothing is checked. The system's authorities take 50 ms to read, most of the time of a short command.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        else:
            context = ssl.create_default_context(cafile=self.ca_file, cadata=self.ca_data)
        if named:
            # They may be the server's own, without those above it.
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


def base_url(address: str) -> str:
    """Return the API's base URL of an address that may lack its path.

    Raises:
        ValueError: the address is not an http or https URL.
    """
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{address!r} is not a URL such as http://localhost:23333/v1")
    return address.rstrip("/") if parts.path.strip("/") else f"{parts.scheme}://{parts.netloc}/v1"
