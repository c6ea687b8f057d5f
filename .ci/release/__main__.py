"""Makes what a release publishes beside its images: `make dist`."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from internvl_operator import __version__
from release.changelog import release_notes, require_released, section_of
from release.chart import install_manifest, package_chart
from release.errors import ReleaseError
from release.sbom import bill_of_materials
from release.wheel import ROOT, build_wheel
from tests.cluster.programs.binaries import MissingBinariesError, locate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CHART = ROOT / "charts" / "internvl-operator"
LOCK = ROOT / "images" / "operator" / "requirements.lock"
CHECKSUMS = "SHA256SUMS"


def make_release(output: Path, environment: Mapping[str, str]) -> None:
    """Write the wheel, the chart, the manifest, the bill of materials, the notes and the checksums.

    The same checkout gives the same bytes: every time in them is that of SOURCE_DATE_EPOCH, or else the release's
    date in the changelog.

    Args:
        output: a directory that is empty or not there yet.
        environment: may have SOURCE_DATE_EPOCH.

    Raises:
        ReleaseError: something cannot be made.
        MissingBinariesError: Helm is neither here nor to be had.
    """
    section = section_of((ROOT / "CHANGELOG.md").read_text(), __version__)
    epoch = int(environment.get("SOURCE_DATE_EPOCH") or section.epoch)
    output.mkdir(parents=True, exist_ok=True)
    if any(output.iterdir()):
        raise ReleaseError(f"{output} is not empty: the checksums would be of other files too")
    helm = locate(["helm"])["helm"]
    build_wheel(output, {"SOURCE_DATE_EPOCH": str(epoch)})
    chart = package_chart(helm, CHART, __version__, output, epoch)
    (output / "install.yaml").write_text(install_manifest(helm, chart, __version__))
    (output / "sbom.cdx.json").write_text(
        bill_of_materials(ROOT / "pyproject.toml", LOCK, __version__, epoch)
    )
    home = yaml.safe_load((CHART / "Chart.yaml").read_text())["home"]
    (output / "release-notes.md").write_text(release_notes(section, f"{home}/blob/v{__version__}"))
    (output / CHECKSUMS).write_text(_checksums(output))


def _checksums(directory: Path) -> str:
    """Return the digests of a directory's files as `sha256sum --check` reads them."""
    files = sorted(path for path in directory.iterdir() if path.name != CHECKSUMS)
    return "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make a release and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m release", description=__doc__)
    parser.add_argument(
        "--output", type=Path, default=Path("dist"), help="directory to write into; default dist"
    )
    parser.add_argument("--tag", help="the release's tag, which must be that of this version")
    options = parser.parse_args(arguments)
    try:
        if options.tag:
            require_released((ROOT / "CHANGELOG.md").read_text(), __version__, options.tag)
        make_release(options.output, os.environ)
    except (ReleaseError, MissingBinariesError) as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    print((options.output / CHECKSUMS).read_text(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
