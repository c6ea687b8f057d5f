"""`python -m tests.golden`: writes the golden files anew."""

from __future__ import annotations

from tests.golden.cases import DIRECTORY, cases, rendered
from tests.golden.plan_texts import COMMANDS, PLANS, printed


def main() -> None:
    """Write a file for each case and remove those that have none."""
    for stale in (*DIRECTORY.glob("*.yaml"), *PLANS.glob("*.txt")):
        stale.unlink()
    for name, (resource, spec) in cases().items():
        (DIRECTORY / f"{name}.yaml").write_text(rendered(resource, spec), encoding="utf-8")
    for name, arguments in COMMANDS.items():
        (PLANS / f"{name}.txt").write_text(printed(arguments), encoding="utf-8")


if __name__ == "__main__":
    main()
