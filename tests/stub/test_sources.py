"""The stub against the sources of the releases themselves."""

from pathlib import Path

import pytest

from images.stub.lmdeploy_stub.command_line import parse
from images.stub.lmdeploy_stub.http.metrics import Metrics
from images.stub.lmdeploy_stub.http.routes import routes_of
from images.stub.lmdeploy_stub.load import Load
from images.stub.lmdeploy_stub.release import behaviour_of
from internvl_operator.catalog.engines import engine
from tests.engines.parse import parse_errors
from tests.stub.lmdeploy_sources import declared_metrics, declared_routes

pytestmark = pytest.mark.timeout(600)

ARGUMENT_LISTS = [
    ["m"],
    [],
    ["m", "other"],
    ["m", "--tp", "2", "--session-len=8192"],
    ["m", "--tp", "two"],
    ["m", "--tp"],
    ["m", "--session_len", "8192"],
    ["m", "--trust-remote-code"],
    ["m", "--backend", "pytorch"],
    ["m", "--backend", "vllm"],
    ["m", "--api-keys", "a", "b"],
    ["m", "--api-keys"],
    ["m", "--enable-metrics"],
    ["m", "--disable-metrics"],
    ["m", "--hf-overrides.a.b", "1"],
    ["m", "--hf-overrides", "{"],
    ["m", "--no-such-flag"],
]


def test_the_stub_has_the_routes_of_the_release_and_their_keys(sources: tuple[str, Path]) -> None:
    version, package = sources
    behaviour = behaviour_of(engine(version))
    declared = declared_routes(package)
    routes = {(route.method, route.path): route.key for route in routes_of(behaviour.release)}
    assert routes.keys() == declared.keys()
    if not behaviour.guards_every_path:
        assert routes == declared


def test_the_stub_has_the_metrics_of_the_release(sources: tuple[str, Path]) -> None:
    version, package = sources
    release = behaviour_of(engine(version)).release
    families = Metrics(release, "a-name", Load()).registry.collect()
    names = {f"{family.name}_total" if family.type == "counter" else family.name for family in families}
    assert declared_metrics(package) <= names
    if declared_metrics(package):
        assert names == declared_metrics(package)


def test_the_stub_reads_the_command_lines_that_the_release_reads(sources: tuple[str, Path]) -> None:
    version, _ = sources
    accepted = [_accepts(version, arguments) for arguments in ARGUMENT_LISTS]
    assert accepted == [error is None for error in parse_errors(version, ARGUMENT_LISTS)]


def _accepts(version: str, arguments: list[str]) -> bool:
    try:
        parse(["serve", "api_server", *arguments], engine(version))
    except SystemExit as end:
        return end.code == 0
    return True
