"""Where the API server is and how to be let in, from the Pod's ServiceAccount or a kubeconfig."""

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client, config
from kubernetes.config import kube_config
from yaml import YAMLError

_OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True, slots=True)
class Credentials:
    """An API server, and the identity of the client.

    Args:
        server: base URL.
        ca_path: file of the certificate authority; None for the system's.
        insecure: whether the server's certificate is not checked.
        certificate: files of the client's certificate and key.
        authorization: value of the Authorization header.
        server_name: name in the server's certificate; None for the URL's host.
        proxy: URL of a proxy on the way to the server.
        impersonation: headers by which the client acts as another user.
    """

    server: str
    ca_path: str | None = None
    insecure: bool = False
    certificate: tuple[str, str] | None = None
    authorization: str | None = None
    server_name: str | None = None
    proxy: str | None = None
    impersonation: tuple[tuple[str, str], ...] = ()

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Return names and values of the headers of every request."""
        own = (("Authorization", self.authorization),) if self.authorization else ()
        return (*own, *self.impersonation)

    def ssl_context(self) -> ssl.SSLContext:
        """Return the TLS settings of a connection to the server."""
        context = _ServerNameContext(ssl.PROTOCOL_TLS_CLIENT)
        context.server_name = self.server_name
        if self.ca_path:
            context.load_verify_locations(cafile=self.ca_path)
        elif not self._checks_nothing():
            context.load_default_certs()
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate:
            context.load_cert_chain(*self.certificate)
        return context

    def _checks_nothing(self) -> bool:
        """Return whether no certificate is checked: the system's authorities take 50 ms to read."""
        urls = (self.server, self.proxy or "")
        return self.insecure or not any(url.startswith("https:") for url in urls)


class _ServerNameContext(ssl.SSLContext):
    """TLS settings that expect one name in the certificate of any host (kubeconfig's ``tls-server-name``)."""

    server_name: str | None = None

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Wrap as asyncio asks for, with the name of the server."""
        name = self.server_name or server_hostname
        return super().wrap_bio(incoming, outgoing, server_side, name, session)


class NoCredentialsError(ValueError):
    """There is neither a ServiceAccount nor a usable kubeconfig."""


def load_credentials(context: str | None = None, kubeconfig: str | None = None) -> Credentials:
    """Return the credentials of the Pod's ServiceAccount, or else of the kubeconfig ($KUBECONFIG, ~/.kube/config).

    It is called again when a token has expired, so that a rotated one is read.

    Args:
        context: the kubeconfig's context to use, before any ServiceAccount; None: its current one.
        kubeconfig: file to use before any ServiceAccount; None: the default ones.

    Raises:
        NoCredentialsError: there is neither, or no such context.
    """
    configuration: Any = client.Configuration()
    try:
        user = _load(configuration, context, kubeconfig)
    except config.ConfigException as error:
        raise NoCredentialsError(f"no way to reach Kubernetes: {error}") from None
    except (AttributeError, KeyError, OSError, TypeError, ValueError, YAMLError) as error:
        # The loader takes a kubeconfig to be one.
        described = f"{type(error).__name__}: {error}"
        raise NoCredentialsError(f"the kubeconfig cannot be read: {described}") from None
    files = (configuration.cert_file, configuration.key_file)
    credentials = Credentials(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        certificate=files if all(files) else None,
        authorization=configuration.get_api_key_with_prefix("BearerToken"),
        server_name=configuration.tls_server_name or None,
        proxy=_proxy(configuration.proxy),
        impersonation=tuple(_impersonation(user)),
    )
    if "exec" in user and not (credentials.authorization or credentials.certificate):
        command = (user["exec"] or {}).get("command")
        raise NoCredentialsError(
            f"the kubeconfig's program {command} gave no credentials; its own words are above"
        )
    return credentials


def _proxy(url: str | None) -> str | None:
    if url and not url.startswith(("http://", "https://")):
        raise NoCredentialsError(
            f"the kubeconfig's proxy-url {url} is not supported: only http and https are"
        )
    return url or None


def _impersonation(user: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the headers by which a kubeconfig's user acts as another (``as``, ``as-uid``, ``as-groups``)."""
    if user.get("as-user-extra"):
        raise NoCredentialsError("the kubeconfig's as-user-extra is not supported: remove it")
    if user.get("as"):
        yield "Impersonate-User", str(user["as"])
    if user.get("as-uid"):
        yield "Impersonate-Uid", str(user["as-uid"])
    for group in user.get("as-groups") or ():
        yield "Impersonate-Group", str(group)


def default_namespace(context: str | None = None, kubeconfig: str | None = None) -> str:
    """Return the namespace that kubectl would use: that of the kubeconfig's context, or of the Pod.

    Args:
        context: the kubeconfig's context; None: its current one.
        kubeconfig: its file; None: the default ones.
    """
    loaders: Any = config
    try:
        contexts, current = loaders.list_kube_config_contexts(config_file=kubeconfig)
    except config.ConfigException:
        return _OWN_NAMESPACE.read_text() if _OWN_NAMESPACE.exists() else "default"
    named = next((item for item in contexts if item["name"] == context), None) if context else current
    return str((named or {}).get("context", {}).get("namespace") or "default")


def _load(configuration: Any, context: str | None, kubeconfig: str | None) -> Mapping[str, Any]:
    """Load what there is, and return the kubeconfig's user; empty for a ServiceAccount."""
    loaders: Any = config
    if context is None and kubeconfig is None:
        try:
            loaders.load_incluster_config(client_configuration=configuration)
        except config.ConfigException:
            pass
        else:
            return {}
    loaders.load_kube_config(config_file=kubeconfig, context=context, client_configuration=configuration)
    return _user(context, kubeconfig)


def _user(context: str | None, kubeconfig: str | None) -> Mapping[str, Any]:
    """Return the user of a context as the kubeconfig has it: the loader knows only some of its fields."""
    loaders: Any = kube_config
    merged = loaders.KubeConfigMerger(kubeconfig or loaders.KUBE_CONFIG_DEFAULT_LOCATION).config
    chosen = merged["contexts"].get_with_name(context or merged["current-context"])["context"]
    name = chosen.safe_get("user")
    found = merged["users"].get_with_name(name, safe=True) if name and "users" in merged else None
    user: Mapping[str, Any] = (found.value if found else {}).get("user") or {}
    return user
