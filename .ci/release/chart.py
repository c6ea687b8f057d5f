"""The package of the chart, and the manifest that it renders for people without Helm."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import yaml

from release.programs import run

if TYPE_CHECKING:
    from collections.abc import Iterable

Object = dict[str, Any]

NAME = "internvl-operator"
NAMESPACE = "internvl-system"

_HOOK = "helm.sh/hook"
_HELM_PREFIX = "helm.sh/"
_MANAGED_BY = "app.kubernetes.io/managed-by"


def package_chart(helm: Path, chart: Path, version: str, directory: Path, epoch: int) -> Path:
    """Package a chart so that the same files give the same bytes.

    Args:
        helm: the program.
        chart: directory of the chart.
        version: of the package, and of the image that it installs.
        directory: to write into.
        epoch: time of every file in the package, in seconds since 1970.

    Raises:
        ReleaseError: Helm refuses the chart.
    """
    with TemporaryDirectory() as scratch:
        run(helm, "package", chart, "--version", version, "--app-version", version, "--destination", scratch)
        (packaged,) = Path(scratch).iterdir()
        target = directory / packaged.name
        target.write_bytes(_without_times(packaged.read_bytes(), epoch))
    return target


def _without_times(archive: bytes, epoch: int) -> bytes:
    """Return a .tar.gz with one time for all files: Helm writes the time of packaging."""
    tar = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(archive)) as source,
        tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as target,
    ):
        for member in source:
            member.mtime = epoch
            member.pax_headers = {}
            target.addfile(member, source.extractfile(member))
    return gzip.compress(tar.getvalue(), mtime=epoch)


def install_manifest(helm: Path, chart: Path, version: str) -> str:
    """Return what the chart installs by default, for `kubectl apply`: first the CRD, then the namespace, then the rest.

    Objects and labels that mean something to Helm alone are left out.

    Args:
        helm: the program.
        chart: the packaged chart.
        version: of the release.

    Raises:
        ReleaseError: Helm refuses the chart.
    """
    rendered = run(helm, "template", NAME, chart, "--namespace", NAMESPACE)
    objects = _ordered(list(_without_helm(yaml.safe_load_all(rendered))))
    documents = yaml.safe_dump_all(objects, sort_keys=False, width=110, allow_unicode=True)
    return (
        f"# InternVL operator {version}, as its chart installs it by default, in the namespace {NAMESPACE}:\n"
        "#   kubectl apply --server-side --filename install.yaml\n"
        f"---\n{documents}"
    )


def _ordered(objects: list[Object]) -> list[Object]:
    crds = [item for item in objects if item["kind"] == "CustomResourceDefinition"]
    rest = [item for item in objects if item["kind"] != "CustomResourceDefinition"]
    return [*crds, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}, *rest]


def _without_helm(objects: Iterable[Object | None]) -> Iterable[Object]:
    for item in objects:
        if item is None or _HOOK in (item["metadata"].get("annotations") or {}):
            continue
        _strip(item["metadata"])
        if template := (item.get("spec") or {}).get("template"):
            _strip(template["metadata"])
        yield item


def _strip(metadata: Object) -> None:
    for field in ("labels", "annotations"):
        kept = {
            name: value
            for name, value in (metadata.get(field) or {}).items()
            if not name.startswith(_HELM_PREFIX) and name != _MANAGED_BY
        }
        metadata.pop(field, None)
        if kept:
            metadata[field] = kept
