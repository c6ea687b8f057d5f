"""Runs rendered Deployments on this machine's GPU: ``python -m tests.gpu --out DIRECTORY``."""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from contextlib import AbstractContextManager, nullcontext, suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from tests.gpu import nvidia
from tests.gpu.cases import CASES, Case, container, predicted, rendered
from tests.gpu.container.pod import Isolation, can_mount
from tests.gpu.result import CaseResult, Check, csv_report, load, markdown_report, save
from tests.gpu.run import Machine, Run, today

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SHORT_BUDGET_SECONDS = 60.0


def main(
    arguments: Sequence[str],
    smaller_card: Callable[[int], AbstractContextManager[object]] = nvidia.SmallerCard,
) -> int:
    """Run the cases and write the report after each; return 0 when all passed, else 1.

    A case that the directory has a result of already is replaced there; the others stay.
    """
    options = _options(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.directory) as name:
        directory = Path(name)
        # The container's user goes through it.
        directory.chmod(0o755)
        isolation = Isolation(can_mount() and not options.keep_mounts, not options.keep_user)
        machine = Machine(directory, options.models, isolation, _log(options.out / "run.log"))
        cards = nvidia.gpus()
        card = cards[0]
        facts = _facts(cards, machine, options.budget)
        chosen = options.case or [case.name for case in CASES.values() if case.gpus == len(cards)]
        results = {result.name: result for result in load(options.out / "results.json")}
        for case in chosen:
            results[case] = _result(CASES[case], card, machine, options, smaller_card)
            _write(options.out, facts, [results[name] for name in CASES if name in results])
    return 0 if all(results[name].passed for name in chosen) else 1


def _write(directory: Path, facts: dict[str, str], results: list[CaseResult]) -> None:
    save(directory / "results.json", results)
    (directory / "report.csv").write_text(csv_report(results))
    (directory / "report.md").write_text(markdown_report("On a GPU", facts, results))


def _result(
    case: Case,
    card: nvidia.Gpu,
    machine: Machine,
    options: argparse.Namespace,
    smaller_card: Callable[[int], AbstractContextManager[object]],
) -> CaseResult:
    """Run a case; an error on the way is a check that failed, and the next case has its turn."""
    try:
        manifests = rendered(case, options.gpu or card.name.replace(" ", "-"))
        with (options.out / "manifests.yaml").open("a") as file:
            file.write(f"---\n{manifests}")
        serving = container(manifests)
        with smaller_card(case.card_mib) if case.card_mib else nullcontext():
            if case.cache_max_entry_count is None:
                return Run(case.name, serving, machine, case.outcome).serve()
            plan = predicted(case)
            forced = serving.with_flag("--cache-max-entry-count", str(case.cache_max_entry_count))
            run = Run(case.name, forced.with_startup_budget(options.budget), machine, plan["outcome"])
            run.check("the plan is refused", plan["outcome"] == case.outcome, plan["reason"])
            return run.fail(case.outcome)
    except Exception as error:
        machine.tell(f"{case.name}: {error!r}")
        return CaseResult(case.name, today(), "", "", checks=[Check("the case is run", False, repr(error))])
    finally:
        _keep_log(machine.directory / case.name / "engine.log", options.out / "engines.log", case.name)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.gpu",
        description="Runs the containers of rendered Deployments on this machine's GPUs, as the Deployments "
        "say, and tells what was seen. Needs LMDeploy: the command lmdeploy on the PATH, PyTorch in this Python.",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIRECTORY", help="for report and logs")
    parser.add_argument(
        "--case",
        action="append",
        choices=list(CASES),
        help="one of the cases; repeatable (all that take as many GPUs as there are)",
    )
    parser.add_argument("--gpu", metavar="PRODUCT", help="product to plan for (what nvidia-smi calls it)")
    parser.add_argument(
        "--models", type=Path, metavar="DIRECTORY", help="real models by name, not zero weights"
    )
    parser.add_argument(
        "--directory", type=Path, metavar="DIRECTORY", help="for the zero weights (the system's)"
    )
    parser.add_argument(
        "--keep-mounts", action="store_true", help="the machine's mounts and user, also as root"
    )
    parser.add_argument("--keep-user", action="store_true", help="the manifest's mounts, but this user")
    parser.add_argument(
        "--budget",
        type=float,
        default=_SHORT_BUDGET_SECONDS,
        metavar="SECONDS",
        help="startup probe's budget for plans that are refused (%(default)g)",
    )
    return parser.parse_args(arguments)


def _facts(cards: Sequence[nvidia.Gpu], machine: Machine, budget: float) -> dict[str, str]:
    model = (
        "real models"
        if machine.models
        else "a checkpoint of the true shapes with zero weights: answers mean nothing"
    )
    card = cards[0]
    number = f"{len(cards)} x " if len(cards) > 1 else ""
    return {
        "GPU": f"{number}{card.name}, {card.total_mib} MiB, driver {card.driver}",
        "engine": f"LMDeploy {_version('lmdeploy')}, PyTorch {_version('torch')}, Python {platform.python_version()}",
        "as rendered": "command, arguments, environment, and the probes with their periods and thresholds",
        "around it": str(machine.isolation),
        "instead of the init container": model,
        "left out": "the limits of cpu and memory, seccomp, and the preStop hook, which only waits",
        "smaller cards": "a process holds the rest of the GPU's memory",
        "plans that are refused": f"the startup probe's budget is shortened to {budget:g} s",
    }


def _version(package: str) -> str:
    with suppress(metadata.PackageNotFoundError):
        return metadata.version(package)
    return "(not in this Python)"


def _log(path: Path) -> Callable[[str], None]:
    def tell(line: str) -> None:
        with path.open("a") as file:
            file.write(f"{line}\n")
        print(line, flush=True)

    return tell


def _keep_log(log: Path, kept: Path, case: str) -> None:
    if log.exists():
        with kept.open("a") as file:
            file.write(f"===== {case}\n{log.read_text(errors='replace')}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
