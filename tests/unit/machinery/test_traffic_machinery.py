"""What `make traffic` is made of: programs of which a part is built, and what counts as a lost request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.programs.go_build import mended_sources
from tests.cluster.programs.release import Release
from tests.cluster.programs.traffic_releases import KEDA
from tests.cluster.programs.versions import RELEASE_OF, UnobtainableError
from tests.traffic.balance import losses
from tests.traffic.clients import Outcome, Outcomes
from tests.traffic.zero.asking import Answer, lost
from tests.traffic.zero.keda import Ports
from tests.traffic.zero.stand import HURRY, NEWER

if TYPE_CHECKING:
    from pathlib import Path

PARTLY = Release(
    version="v1.0.0",
    module="example.com/scalers",
    packages={"scalers": "example.com/scalers"},
    left_out=("scalers/*_scaler.go",),
    mended={"scalers/kept_scaler.go": {"wrong": "right"}},
)


def _module(directory: Path, kept: str) -> Path:
    folder = directory / "module" / "scalers"
    folder.mkdir(parents=True)
    for name, text in {"kept_scaler.go": kept, "cloud_scaler.go": "", "scaler.go": ""}.items():
        (folder / name).write_text(text)
    return directory / "module"


def test_what_a_release_leaves_out_is_not_built_but_for_what_it_mends(tmp_path: Path) -> None:
    copy = mended_sources(PARTLY, _module(tmp_path, "wrong and wrong"), tmp_path)
    files = {file.name: file.read_text() for file in (copy / "scalers").iterdir()}
    assert files == {"kept_scaler.go": "right and wrong", "scaler.go": ""}


def test_a_release_that_no_longer_has_the_fault_is_not_built(tmp_path: Path) -> None:
    with pytest.raises(UnobtainableError, match=r"has no 'wrong' in scalers/kept_scaler\.go"):
        mended_sources(PARTLY, _module(tmp_path, "right"), tmp_path)


def test_keda_and_its_add_on_are_known_by_their_programs() -> None:
    assert RELEASE_OF["keda-operator"] is KEDA
    assert {"keda-http-interceptor", "keda-http-scaler"} <= set(RELEASE_OF)


@pytest.mark.parametrize(
    ("status", "is_lost"), [(200, False), (0, True), (404, True), (502, True), (504, True)]
)
def test_a_request_is_lost_without_an_answer_of_the_model(status: int, is_lost: bool) -> None:
    assert Answer(status, 1.0).is_lost is is_lost


def test_lost_requests_are_counted_by_why(capsys: pytest.CaptureFixture[str]) -> None:
    answers = [
        Answer(200, 1.0),
        Answer(504, 30.0, "not ready"),
        Answer(504, 31.0, "not ready"),
        Answer(0, 2.0, "reset"),
    ]
    assert lost(answers) == 3
    assert capsys.readouterr().out.splitlines() == ["  lost 2: 504: not ready", "  lost 1: 0: reset"]


def test_the_operator_under_test_differs_in_its_times_alone() -> None:
    assert {patch.file for patch in HURRY} == {
        "manifests/templates/scaledobject.yaml.j2",
        "manifests/objects/keda/wake.py",
    }
    assert [patch.file for patch in NEWER] == ["__init__.py"]


def test_a_lost_request_is_told_with_whether_it_was_on_its_way_when_the_picker_was_killed() -> None:
    spans = [(1.0, 3.0), (1.5, 3.0), (3.0, 4.0)]
    failed = [Outcome(None, failure="status 500", asked=asked, ended=ended) for asked, ended in spans]
    assert losses(Outcomes([*failed, Outcome(0.1, asked=1.0, ended=3.0)]), disturbed=2.0) == [
        "  lost 2 on their way then: status 500",
        "  lost 1 asked before or after: status 500",
    ]


def test_each_part_has_a_port_of_its_own() -> None:
    ports = Ports.free()
    assert (
        len(
            {
                ports.proxy,
                ports.admin,
                ports.scaler,
                ports.keda_metrics,
                ports.keda_health,
                ports.keda_service,
            }
        )
        == 6
    )
