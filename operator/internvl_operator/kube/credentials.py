"""Where the API server is and how to be let in, from the Pod's ServiceAccount or a kubeconfig."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client, config

_OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True, slots=True)
class Credentials:
    """An API server and the identity that it is spoken to with.

    Args:
        server: base URL.
        ca_path: file of the certificate authority; None for the system's.
        insecure: whether the server's certificate is not checked.
        certificate: files of the client's certificate and key.
        authorization: value of the Authorization header.
    """

    server: str
    ca_path: str | None = None
    insecure: bool = False
    certificate: tuple[str, str] | None = None
    authorization: str | None = None

    def ssl_context(self) -> ssl.SSLContext:
        """Return the TLS settings of a connection to the server."""
        context = ssl.create_default_context(cafile=self.ca_path)
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate:
            context.load_cert_chain(*self.certificate)
        return context


class NoCredentialsError(ValueError):
    """There is neither a ServiceAccount nor a usable kubeconfig."""


def load_credentials(context: str | None = None) -> Credentials:
    """Return the credentials of the Pod's ServiceAccount, or else of the kubeconfig ($KUBECONFIG, ~/.kube/config).

    It is called again when a token has expired, so that a rotated one is read.

    Args:
        context: the kubeconfig's context to use, before any ServiceAccount; None: its current one.

    Raises:
        NoCredentialsError: there is neither, or no such context.
    """
    configuration: Any = client.Configuration()
    try:
        _load(configuration, context)
    except config.ConfigException as error:
        raise NoCredentialsError(f"no way to reach Kubernetes: {error}") from None
    files = (configuration.cert_file, configuration.key_file)
    return Credentials(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        certificate=files if all(files) else None,
        authorization=configuration.get_api_key_with_prefix("BearerToken"),
    )


def default_namespace(context: str | None = None) -> str:
    """Return the namespace that kubectl would use: that of the kubeconfig's context, or of the Pod.

    Args:
        context: the kubeconfig's context; None: its current one.
    """
    loaders: Any = config
    try:
        contexts, current = loaders.list_kube_config_contexts()
    except config.ConfigException:
        return _OWN_NAMESPACE.read_text() if _OWN_NAMESPACE.exists() else "default"
    named = next((item for item in contexts if item["name"] == context), None) if context else current
    return str((named or {}).get("context", {}).get("namespace") or "default")


def _load(configuration: Any, context: str | None) -> None:
    loaders: Any = config
    if context is not None:
        loaders.load_kube_config(context=context, client_configuration=configuration)
        return
    try:
        loaders.load_incluster_config(client_configuration=configuration)
    except config.ConfigException:
        loaders.load_kube_config(client_configuration=configuration)
