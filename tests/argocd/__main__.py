"""`python -m tests.argocd`: writes the generated files of the customizations anew."""

from __future__ import annotations

from tests.argocd.files import generated, stale


def main() -> None:
    """Write what is generated and remove what is no longer."""
    for path in stale():
        path.unlink()
    for path, content in generated().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
