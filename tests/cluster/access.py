"""Users of the local cluster: static tokens, and a kubeconfig for each."""

from __future__ import annotations

import base64
import secrets
import ssl
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

REQUEST_SECONDS = 30.0
ADMIN = "admin"
MASTERS = ("system:masters",)
# The ServiceAccount that the Helm chart makes, which a static token stands for here.
OPERATOR = "system:serviceaccount:internvl-system:internvl-operator"
# The cluster's own processes, each under a name of its own so that the audit log tells them apart.
COMPONENT_USERS = ("kube-controller-manager", "kube-scheduler", "kwok", "kubelet", "kube-proxy")
PREDEFINED_GROUPS: dict[str, tuple[str, ...]] = {
    ADMIN: MASTERS,
    OPERATOR: ("system:serviceaccounts", "system:serviceaccounts:internvl-system"),
    # A second one beside it, so that the audit log tells two operators apart.
    "standby": (),
    # One to whom no right outside of some namespaces is ever given, but for the test that gives it.
    "namespaced": (),
    "alice": (),
    **dict.fromkeys(COMPONENT_USERS, MASTERS),
}


@dataclass(frozen=True, slots=True)
class User:
    """Someone the API server knows by a bearer token.

    Attributes:
        name: User name in RBAC and in the audit log.
        groups: RBAC groups; none: no rights but those of every authenticated user.
        token: Bearer token.
    """

    name: str
    groups: tuple[str, ...]
    token: str

    @property
    def file_name(self) -> str:
        """Of the user's kubeconfig; a colon would part two files in KUBECONFIG."""
        return self.name.replace(":", "-")


def new_user(name: str, groups: Iterable[str] = ()) -> User:
    """A user with a random token."""
    return User(name=name, groups=tuple(groups), token=secrets.token_hex(16))


def token_file(users: Iterable[User]) -> str:
    """Content of kube-apiserver's --token-auth-file."""
    return "".join(f'{user.token},{user.name},{user.name},"{",".join(user.groups)}"\n' for user in users)


def kubeconfig(server: str, certificate_authority: Path, user: User) -> str:
    """A kubeconfig with one context.

    Args:
        server: URL.
        certificate_authority: PEM file that verifies the server.
        user: Who connects.
    """
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "local",
                    "cluster": {"server": server, "certificate-authority": str(certificate_authority)},
                }
            ],
            "users": [{"name": user.name, "user": {"token": user.token}}],
            "contexts": [{"name": "local", "context": {"cluster": "local", "user": user.name}}],
            "current-context": "local",
        },
        sort_keys=False,
    )


def get(url: str, certificate_authority: Path, user: User) -> str:
    """Body of a GET.

    Args:
        url: Of the API server.
        certificate_authority: PEM file that verifies the server.
        user: Who asks.

    Raises:
        OSError: No answer, or (urllib.error.HTTPError) a status other than 2xx.
    """
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {user.token}"})
    context = ssl.create_default_context(cafile=certificate_authority)
    with urllib.request.urlopen(request, timeout=REQUEST_SECONDS, context=context) as response:
        body: bytes = response.read()
    return body.decode()


def service_account_key() -> str:
    """A new P-256 private key in PEM, which kube-apiserver signs service account tokens with.

    RFC 5915 lets the public key be left out, so the key is 32 random bytes in a constant frame. The first
    bit stays 0, which keeps the number below the curve's order.
    """
    secret = bytes([secrets.randbelow(128)]) + secrets.token_bytes(31)
    der = bytes.fromhex("30310201010420") + secret + bytes.fromhex("a00a06082a8648ce3d030107")
    return f"-----BEGIN EC PRIVATE KEY-----\n{base64.b64encode(der).decode()}\n-----END EC PRIVATE KEY-----\n"
