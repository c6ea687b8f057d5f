"""A model on the stub's image: asked from inside the cluster by the Service's name, and by the command from outside."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import trustme

from internvl_operator.chat.checks import CHECKS
from tests.e2e.cluster.workloads import PORT, Client, model, namespace_with_models, pod, remove_namespace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.cluster.kind_cluster import KindCluster

NAMESPACE = "serving"
KEY = "s3cret"

pytestmark = pytest.mark.usefixtures("operator")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Whom the client of the model with TLS trusts."""
    return trustme.CA()


@pytest.fixture(scope="module")
def client(cluster: KindCluster, authority: trustme.CA) -> Iterator[Client]:
    """A client beside three models: one as it comes, one with an API key, one with TLS."""
    certificate = authority.issue_cert(f"secure.{NAMESPACE}.svc")
    tls = {
        "tls.crt": b"".join(part.bytes() for part in certificate.cert_chain_pems).decode(),
        "tls.key": certificate.private_key_pem.bytes().decode(),
    }
    cluster.apply(
        *namespace_with_models(NAMESPACE),
        secret("key", {"key": KEY}),
        {**secret("tls", tls), "type": "kubernetes.io/tls"},
        model("captions", NAMESPACE),
        model("locked", NAMESPACE, server={"apiKeySecretRef": {"name": "key", "key": "key"}}),
        model("secure", NAMESPACE, server={"tlsSecretRef": {"name": "tls"}}),
        pod("client", NAMESPACE),
    )
    client = Client(cluster, NAMESPACE)
    client.wait()
    yield client
    remove_namespace(cluster, NAMESPACE)


def secret(name: str, content: dict[str, str]) -> dict[str, object]:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": content}


@pytest.mark.parametrize(
    "host", ["captions", f"captions.{NAMESPACE}", f"captions.{NAMESPACE}.svc.cluster.local"]
)
def test_a_model_answers_by_each_name_of_its_service(host: str, client: Client) -> None:
    client.wait_serving("captions")
    answer = client.ask(f"{host}:{PORT}", "--tokens", "5")
    assert (answer["status"], answer["tokens"], answer["problem"]) == (200, 5, "")


def test_the_endpoint_that_the_status_names_answers(client: Client) -> None:
    body = client.wait_serving("captions")
    target = body["status"]["endpoint"].removeprefix("http://").removesuffix("/v1")
    answer = client.ask(target, "--model", body["status"]["modelName"])
    assert answer["problem"] == ""


def test_an_answer_is_streamed_to_its_end(client: Client) -> None:
    client.wait_serving("captions")
    answer = client.ask(f"captions:{PORT}", "--stream", "--tokens", "40")
    assert (answer["status"], answer["tokens"], answer["problem"]) == (200, 40, "")


def test_only_who_has_the_api_key_is_answered(client: Client) -> None:
    client.wait_serving("locked")
    statuses = [client.ask(f"locked:{PORT}", "--key", key)["status"] for key in (KEY, "guessed", "")]
    assert statuses == [200, 401, 401]


def test_a_model_with_tls_answers_who_trusts_its_certificate(client: Client, authority: trustme.CA) -> None:
    client.wait_serving("secure")
    trusted = authority.cert_pem.bytes().decode()
    target = f"secure.{NAMESPACE}.svc:{PORT}"
    assert client.ask(target, "--ca", trusted)["problem"] == ""
    stranger = trustme.CA().cert_pem.bytes().decode()
    assert "CERTIFICATE_VERIFY_FAILED" in client.ask(target, "--ca", stranger)["problem"]
    assert client.ask(target)["status"] == 0


def test_status_tells_of_the_model_from_outside(client: Client) -> None:
    client.wait_serving("captions")
    done = client.cluster.internvl("status", "captions", "-n", NAMESPACE)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Ready" in done.stdout


def test_diff_finds_the_pods_as_this_operator_would_run_them(client: Client) -> None:
    client.wait_serving("captions")
    done = client.cluster.internvl("diff", "captions", "-n", NAMESPACE)
    assert (done.returncode, done.stdout) == (0, "captions: the pods are as this operator would run them\n")


def test_chat_answers_from_outside(client: Client) -> None:
    client.wait_serving("captions")
    done = client.cluster.internvl("chat", "captions", "What is this?", "-n", NAMESPACE)
    assert (done.returncode, done.stderr) == (0, "")
    assert "stub of LMDeploy" in done.stdout


@pytest.mark.parametrize("name", ["captions", "locked"])
def test_every_smoke_check_passes_from_outside(name: str, client: Client) -> None:
    client.wait_serving(name)
    done = client.cluster.internvl("smoke", name, "-n", NAMESPACE, "-o", "json")
    assert (done.returncode, done.stderr) == (0, "")
    checks = json.loads(done.stdout)["checks"]
    assert [check["name"] for check in checks if check["passed"]] == list(CHECKS)
