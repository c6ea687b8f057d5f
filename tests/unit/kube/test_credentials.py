"""What a kubeconfig says is done or refused by its name, and never passed over."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
import yaml

from internvl_operator.kube.client import KubernetesClient
from internvl_operator.kube.credentials import NoCredentialsError, load_credentials
from internvl_operator.kube.kinds import SERVICE
from tests.unit.fake_watches import FakeWatches

EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "interactiveMode": "Never"}
LOCATION = "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write a kubeconfig, or whatever is given as one."""

    def written(user: Any = None, cluster: Any = None, text: str | None = None) -> None:
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "one", "user": "alice"}}],
            "clusters": [{"name": "one", "cluster": {"server": "https://10.0.0.1:6443", **(cluster or {})}}],
            "users": [{"name": "alice", "user": {"token": "a-token", **(user or {})}}],
        }
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(document) if text is None else text)
        monkeypatch.setattr(LOCATION, str(tmp_path / "kubeconfig"))

    return written


def test_whom_the_user_acts_as_is_said_in_every_request(write: Any) -> None:
    write(user={"as": "bob", "as-uid": "7", "as-groups": ["readers", "writers"]})
    assert list(load_credentials().headers()) == [
        ("Authorization", "Bearer a-token"),
        ("Impersonate-User", "bob"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Group", "readers"),
        ("Impersonate-Group", "writers"),
    ]


def test_the_name_in_the_servers_certificate_stands_for_its_address(write: Any) -> None:
    write(cluster={"tls-server-name": "kubernetes.example"})
    context = load_credentials().ssl_context()
    wrapped = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="10.0.0.1")
    assert wrapped.server_hostname == "kubernetes.example"
    assert context.check_hostname


async def test_the_proxy_is_asked(write: Any) -> None:
    with FakeWatches((SERVICE,)) as proxy:
        write(cluster={"server": "http://api.example", "proxy-url": proxy.url})
        async with KubernetesClient(load_credentials) as cluster:
            await cluster.list(SERVICE)
        assert len(proxy.lists(SERVICE)) == 1


@pytest.mark.parametrize(
    ("user", "cluster", "name"),
    [
        ({"as": "bob", "as-user-extra": {"scopes": ["view"]}}, {}, "as-user-extra"),
        ({}, {"proxy-url": "socks5://localhost:1080"}, "proxy-url"),
        (
            {"token": None, "exec": {**EXEC, "command": "/nowhere"}},
            {},
            "/nowhere",
        ),
        (
            {"token": None, "exec": {**EXEC, "command": "false"}},
            {},
            "false",
        ),
    ],
)
def test_what_is_not_supported_or_fails_is_refused_by_its_name(
    write: Any, user: Any, cluster: Any, name: str
) -> None:
    write(user=user, cluster=cluster)
    with pytest.raises(NoCredentialsError, match=name):
        load_credentials()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "5", "a: [", "contexts: 5", "current-context: x\ncontexts: [{}]", "\x00", "kind: Config"],
)
def test_a_broken_kubeconfig_is_an_error_in_words(write: Any, text: str) -> None:
    write(text=text)
    with pytest.raises(NoCredentialsError):
        load_credentials()


@pytest.mark.parametrize(
    ("cluster", "checks"),
    [
        ({}, True),
        ({"insecure-skip-tls-verify": True}, False),
        ({"server": "http://10.0.0.1:8080"}, False),
        ({"server": "http://10.0.0.1:8080", "proxy-url": "https://proxy.example"}, True),
    ],
    ids=["https", "unchecked", "http", "an https proxy"],
)
def test_the_systems_authorities_are_read_where_a_certificate_is_checked(
    write: Any, monkeypatch: pytest.MonkeyPatch, cluster: dict[str, Any], checks: bool
) -> None:
    read: list[ssl.SSLContext] = []
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", lambda context: read.append(context))
    write(cluster=cluster)
    context = load_credentials().ssl_context()
    assert read == ([context] if checks else [])
