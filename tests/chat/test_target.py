"""Which served model is meant, how it is reached, and why not."""

from __future__ import annotations

import base64
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trustme

from internvl_operator.chat.endpoint import Endpoint
from tests.chat.conftest import CORE, NAMESPACE, captions, listing, pod, service
from tests.cluster.waiting import eventually

if TYPE_CHECKING:
    from tests.conftest import Internvl
    from tests.fake_api import FakeApi
    from tests.stub.server import Stub, Stubs


def test_a_resource_is_reached_through_a_port_forward_with_the_key_of_its_secret(
    api: FakeApi, internvl: Internvl
) -> None:
    code, output, errors = internvl("chat", "captions", "hello")
    assert (code, errors) == (0, "")
    assert "It ends: hello" in output
    eventually(lambda: api.open_streams == 0, "the port-forward is closed")


def test_a_resource_is_reached_at_its_services_own_address(
    api: FakeApi, stub: Stub, internvl: Internvl
) -> None:
    body = captions()
    body["status"]["endpoint"] = f"http://captions.vision.svc:{stub.port}/v1"
    api.objects[f"{NAMESPACE}/captions"] = body
    api.objects[f"{CORE}/services/captions"] = service("127.0.0.1")
    assert internvl("chat", "captions", "hello", "--via", "service")[0] == 0


@pytest.mark.parametrize("verb", ["chat captions hello", "smoke captions", "bench captions"])
def test_a_service_of_somebody_else_is_not_sent_the_key(
    api: FakeApi, stub: Stub, internvl: Internvl, verb: str
) -> None:
    body = captions()
    body["status"]["endpoint"] = f"http://captions.vision.svc:{stub.port}/v1"
    api.objects[f"{NAMESPACE}/captions"] = body
    name = verb.split()[0]
    for theirs in (service("127.0.0.1", uid="theirs"), {"metadata": {}, "spec": {"clusterIP": "127.0.0.1"}}):
        api.objects[f"{CORE}/services/captions"] = theirs
        for way in (("--via", "service"), *([("--in-cluster",)] if name == "bench" else [])):
            code, _, errors = internvl(*verb.split(), *way)
            said = f"internvl {name}: the Service captions is not this resource's\n"
            assert (code, errors.endswith(said)) == (1, True)


def test_a_service_without_an_address_is_named(api: FakeApi, internvl: Internvl) -> None:
    api.objects[f"{CORE}/services/captions"] = service("None")
    code, _, errors = internvl("chat", "captions", "hello", "--via", "service")
    assert (code, errors) == (
        1,
        "internvl chat: the Service has no address of its own: use a port-forward\n",
    )


def test_a_given_key_wins_over_that_of_the_secret(api: FakeApi, internvl: Internvl) -> None:
    del api.objects[f"{CORE}/secrets/keys"]
    assert internvl("chat", "captions", "hello", "--api-key", "s3cret")[0] == 0


def test_a_secret_that_may_not_be_read_is_told(api: FakeApi, internvl: Internvl) -> None:
    api.refusals["/secrets/keys"] = 403
    assert internvl("chat", "captions", "hello") == (1, "", "internvl chat: refused\n")


def test_a_secret_without_the_key_is_told(api: FakeApi, internvl: Internvl) -> None:
    api.objects[f"{CORE}/secrets/keys"] = {"metadata": {"name": "keys"}, "data": {}}
    assert internvl("chat", "captions", "hello")[2] == "internvl chat: Secret keys has no key 'engine'\n"


def test_a_resource_that_does_not_serve_says_what_it_waits_for(api: FakeApi, internvl: Internvl) -> None:
    api.objects[f"{NAMESPACE}/captions"] = captions("False", ("Deploying", "0 of 1 replicas answer"))
    code, _, errors = internvl("smoke", "captions")
    assert (code, errors) == (
        1,
        "internvl smoke: vision/captions does not serve: Deploying: 0 of 1 replicas answer\n",
    )


def test_a_resource_that_no_operator_has_seen_is_told(api: FakeApi, internvl: Internvl) -> None:
    api.objects[f"{NAMESPACE}/captions"] = captions() | {"status": {}}
    assert "vision/captions has no status yet: does the operator run?" in internvl("smoke", "captions")[2]


def test_the_namespace_can_be_given(api: FakeApi, internvl: Internvl) -> None:
    assert api.url
    assert internvl("chat", "captions", "hello", "-n", "other") == (
        2,
        "",
        "internvl chat: there is no captions in other\n",
    )


def test_a_context_that_is_not_there_is_told(api: FakeApi, internvl: Internvl) -> None:
    assert api.url
    code, _, errors = internvl("chat", "captions", "hello", "--context", "elsewhere")
    assert code == 2
    assert "elsewhere" in errors


def test_without_a_ready_pod_that_is_told(api: FakeApi, internvl: Internvl) -> None:
    api.objects[f"{CORE}/pods"] = listing(pod("captions-1", "False"))
    assert internvl("chat", "captions", "hello") == (1, "", "internvl chat: no pod is ready\n")


def test_the_rights_that_a_port_forward_takes_are_told(api: FakeApi, internvl: Internvl) -> None:
    api.refusals["/portforward"] = 403
    code, _, errors = internvl("chat", "captions", "hello")
    assert code == 1
    assert "pods/portforward is forbidden in vision: it takes get and create" in errors


def test_what_a_port_forward_failed_of_is_told(api: FakeApi, internvl: Internvl) -> None:
    api.ports = {}
    code, _, errors = internvl("chat", "captions", "hello")
    assert code == 1
    assert "no connection through the port-forward: connection refused by the pod" in errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--api-key", "wrong"], "the server refuses this API key"),
        (["--model", "another"], "the server has no model 'another'; it has a-name"),
    ],
)
def test_what_the_server_does_not_let_in_is_told(
    arguments: list[str], message: str, url: str, internvl: Internvl
) -> None:
    assert internvl("chat", url, "hello", *arguments) == (1, "", f"internvl chat: {message}\n")


def test_that_a_key_is_missing_is_told(url: str, internvl: Internvl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INTERNVL_API_KEY")
    monkeypatch.setenv("OPENAI_API_KEY", "s3cret")
    assert internvl("chat", url, "hello")[2] == (
        "internvl chat: the server asks for an API key: give --api-key or set INTERNVL_API_KEY\n"
    )


def test_a_server_that_is_not_there_is_told(internvl: Internvl) -> None:
    code, _, errors = internvl("chat", "http://127.0.0.1:9", "hello")
    assert code == 1
    assert "no connection" in errors


@pytest.mark.parametrize("target", ["ftp://host/v1", "http://"])
def test_what_is_no_url_is_refused(target: str, internvl: Internvl) -> None:
    code, _, errors = internvl("chat", target, "hello")
    assert code == 2
    assert "is not a URL" in errors


@dataclass(frozen=True, slots=True)
class Encrypted:
    """A stub that speaks TLS under the resource's name, and the files of its certificate and of the authority."""

    stub: Stub
    certificate: Path
    authority: Path


@pytest.fixture(scope="module")
def encrypted(served: Stubs, tmp_path_factory: pytest.TempPathFactory) -> Encrypted:
    directory = tmp_path_factory.mktemp("tls")
    authority, key, certificate = (directory / name for name in ("ca.crt", "tls.key", "tls.crt"))
    vouching = trustme.CA()
    issued = vouching.issue_cert("captions.vision.svc")
    vouching.cert_pem.write_to_path(authority)
    issued.private_key_pem.write_to_path(key)
    issued.cert_chain_pems[0].write_to_path(certificate)
    stub = served.start("--ssl", SSL_KEYFILE=str(key), SSL_CERTFILE=str(certificate))
    return Encrypted(stub, certificate, authority)


@pytest.fixture
def https(api: FakeApi, encrypted: Encrypted) -> FakeApi:
    """An API server whose resource speaks TLS, with a Secret that may not be read."""
    body = captions()
    body["spec"]["server"]["tlsSecretRef"] = {"name": "tls"}
    body["status"]["endpoint"] = "https://captions.vision.svc:23333/v1"
    api.objects[f"{NAMESPACE}/captions"] = body
    api.ports[23333] = encrypted.stub.port
    api.refusals["/secrets/tls"] = 403
    return api


@pytest.mark.usefixtures("https")
def test_tls_is_checked_for_the_resources_name_through_a_port_forward(
    encrypted: Encrypted, internvl: Internvl
) -> None:
    assert internvl("chat", "captions", "hello", "--ca-file", str(encrypted.authority))[0] == 0
    code, _, errors = internvl("chat", "captions", "hello")
    assert code == 1
    assert "TLS failed" in errors
    assert "name the certificate authority with --ca-file" in errors
    assert internvl("chat", "captions", "hello", "--insecure")[0] == 0


@pytest.mark.parametrize(
    "vouching", [{"ca.crt": "authority", "tls.crt": "certificate"}, {"tls.crt": "certificate"}]
)
def test_the_resources_secret_vouches_for_its_server(
    vouching: dict[str, str], https: FakeApi, encrypted: Encrypted, internvl: Internvl
) -> None:
    data = {
        key: base64.b64encode(getattr(encrypted, file).read_bytes()).decode()
        for key, file in vouching.items()
    }
    https.refusals.clear()
    https.objects[f"{CORE}/secrets/tls"] = {"metadata": {"name": "tls"}, "data": data}
    assert internvl("chat", "captions", "hello")[0] == 0


def test_a_certificate_for_another_name_is_refused(encrypted: Encrypted, internvl: Internvl) -> None:
    url = f"https://127.0.0.1:{encrypted.stub.port}"
    code, _, errors = internvl("chat", url, "hello", "--ca-file", str(encrypted.authority))
    assert code == 1
    assert "TLS failed" in errors


def test_a_pod_that_only_carries_the_label_is_not_sent_the_key(api: FakeApi, internvl: Internvl) -> None:
    somebodys = [pod("a", labels={}, ownerReferences=[]), pod("b", ownerReferences=[])]
    api.objects[f"{CORE}/pods"] = listing(*somebodys)
    assert internvl("chat", "captions", "hello") == (1, "", "internvl chat: no pod is ready\n")
    assert api.open_streams == 0


@pytest.mark.parametrize(
    ("endpoint", "checks"),
    [
        (Endpoint("https://models.example/v1"), True),
        (Endpoint("https://models.example/v1", insecure=True), False),
        (Endpoint("http://models.example/v1"), False),
    ],
    ids=["https", "unchecked", "http"],
)
def test_the_systems_authorities_are_read_where_a_certificate_is_checked(
    monkeypatch: pytest.MonkeyPatch, endpoint: Endpoint, checks: bool
) -> None:
    read: list[ssl.SSLContext] = []
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", lambda context, _: read.append(context))
    context = endpoint.tls()
    assert read == ([context] if checks else [])
