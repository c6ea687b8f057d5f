"""`python -m tests.golden`: writes the golden files anew."""

from __future__ import annotations

from tests.golden.cases import DIRECTORY, cases, rendered


def main() -> None:
    """Write a file for each case and remove those that have none."""
    for stale in DIRECTORY.glob("*.yaml"):
        stale.unlink()
    for name, (resource, spec) in cases().items():
        (DIRECTORY / f"{name}.yaml").write_text(rendered(resource, spec), encoding="utf-8")


if __name__ == "__main__":
    main()
