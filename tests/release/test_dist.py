"""What `make dist` makes: complete, the same twice, and of one version."""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
import time
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from internvl_operator import __version__
from release.__main__ import CHART, LOCK, main, make_release
from release.chart import NAMESPACE
from release.wheel import ROOT
from tests.chart.helm.tools import of_kind, rendered

if TYPE_CHECKING:
    from pathlib import Path

# Helm may have to be built first.
pytestmark = pytest.mark.timeout(600)

WHEEL = f"internvl_operator-{__version__}-py3-none-any.whl"
PACKAGE = f"internvl-operator-{__version__}.tgz"
RULES = ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is published of this checkout."""
    output = tmp_path_factory.mktemp("release") / "dist"
    make_release(output, {})
    return output


@pytest.fixture(scope="module")
def manifest(dist: Path) -> list[dict[str, Any]]:
    """The objects of install.yaml, in order."""
    return list(yaml.safe_load_all((dist / "install.yaml").read_text()))


def test_everything_is_there_and_its_checksum_fits(dist: Path) -> None:
    lines = (dist / "SHA256SUMS").read_text().splitlines()
    told = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert told.keys() == {WHEEL, PACKAGE, "install.yaml", "sbom.cdx.json", "release-notes.md"}
    assert {path.name for path in dist.iterdir()} == {*told, "SHA256SUMS"}
    for name, digest in told.items():
        assert hashlib.sha256((dist / name).read_bytes()).hexdigest() == digest


def test_a_second_run_gives_the_same_bytes(dist: Path, tmp_path: Path) -> None:
    # Archives hold times in seconds: a later second must not be seen in them.
    time.sleep(1.1)
    make_release(tmp_path, {})
    for file in sorted(dist.iterdir()):
        assert (tmp_path / file.name).read_bytes() == file.read_bytes(), file.name


def test_the_times_are_those_that_are_asked_for(tmp_path: Path) -> None:
    make_release(tmp_path, {"SOURCE_DATE_EPOCH": "1767225600"})  # 2026-01-01
    with tarfile.open(tmp_path / PACKAGE) as package:
        assert {member.mtime for member in package} == {1767225600}
    with zipfile.ZipFile(tmp_path / WHEEL) as wheel:
        assert {member.date_time for member in wheel.infolist()} == {(2026, 1, 1, 0, 0, 0)}
    assert json.loads((tmp_path / "sbom.cdx.json").read_text())["metadata"]["timestamp"].startswith(
        "2026-01-01"
    )


def test_the_chart_of_a_checkout_has_the_version_of_the_operator() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


def test_the_package_of_the_chart_renders_what_the_directory_renders(dist: Path) -> None:
    assert rendered(chart=dist / PACKAGE) == rendered()


def test_the_bill_of_materials_has_each_locked_package_with_its_hashes(dist: Path) -> None:
    document = json.loads((dist / "sbom.cdx.json").read_text())
    assert document["bomFormat"] == "CycloneDX"
    assert document["metadata"]["component"]["name"] == "internvl-operator"
    assert document["metadata"]["component"]["version"] == __version__
    found = {f"{component['name']}=={component['version']}" for component in document["components"]}
    locked = set(re.findall(r"^[a-z0-9-]+==[^ ;\\]+", LOCK.read_text(), re.MULTILINE))
    assert found == locked
    assert all(component["externalReferences"][0]["hashes"] for component in document["components"])


def test_the_bill_of_materials_is_what_cyclonedx_says_one_is(dist: Path) -> None:
    # Imported here: the grammars that it checks by are compiled, which takes seconds.
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = (dist / "sbom.cdx.json").read_text()
    validator = JsonStrictValidator(SchemaVersion.from_version(json.loads(text)["specVersion"]))
    assert validator.validate_str(text) is None
    assert validator.validate_str(text.replace('"type": "application"', '"type": "colour"')) is not None


def test_the_notes_are_the_section_of_the_changelog(dist: Path) -> None:
    notes = (dist / "release-notes.md").read_text()
    assert notes.startswith("### Added\n")
    assert "## [" not in notes
    assert "](docs/" not in notes


def test_the_manifest_begins_with_the_crd_and_the_namespace(manifest: list[dict[str, Any]]) -> None:
    assert [item["kind"] for item in manifest[:2]] == ["CustomResourceDefinition", "Namespace"]
    assert manifest[0] == yaml.safe_load(
        (ROOT / "crds" / "internvl.dev_internvldeployments.yaml").read_text()
    ) | {"metadata": manifest[0]["metadata"]}
    assert manifest[1]["metadata"]["name"] == NAMESPACE


def test_the_manifest_has_every_object_of_the_chart_and_none_of_helm(manifest: list[dict[str, Any]]) -> None:
    def names(objects: list[dict[str, Any]]) -> list[tuple[str, str]]:
        return sorted((item["kind"], item["metadata"]["name"]) for item in objects)

    hooks = [item for item in rendered() if "helm.sh/hook" in item["metadata"].get("annotations", {})]
    expected = [item for item in rendered() if item not in hooks]
    assert names(manifest) == names([*expected, manifest[1]])
    assert "helm.sh/" not in yaml.safe_dump_all(manifest)
    assert "managed-by: Helm" not in yaml.safe_dump_all(manifest)


def test_the_manifest_gives_the_rights_of_the_chart_and_no_other(manifest: list[dict[str, Any]]) -> None:
    def rights(objects: list[dict[str, Any]]) -> dict[tuple[str, str], Any]:
        return {
            (item["kind"], item["metadata"]["name"]): {
                key: value
                for key, value in item.items()
                if key in ("rules", "roleRef", "subjects", "aggregationRule")
            }
            for item in of_kind(objects, *RULES)
        }

    assert rights(manifest) == rights(rendered())
    assert rights(manifest)


def test_a_selector_of_the_manifest_finds_its_pods(manifest: list[dict[str, Any]]) -> None:
    (deployment,) = of_kind(manifest, "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"].items()
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels
    (service,) = of_kind(manifest, "Service")
    assert service["spec"]["selector"].items() <= labels


def test_a_directory_with_other_files_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "older.tgz").touch()
    assert main(["--output", str(tmp_path)]) == 1
    assert "is not empty" in capsys.readouterr().err


def test_another_tag_is_refused_and_nothing_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--output", str(tmp_path / "dist"), "--tag", "v9.9.9"]) == 1
    assert f"is not v{__version__}" in capsys.readouterr().err
    assert not (tmp_path / "dist").exists()
