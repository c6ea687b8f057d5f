"""YAML that a person wrote: read as it is, or refused in one line."""

from __future__ import annotations

from contextlib import suppress
from time import thread_time
from typing import TYPE_CHECKING

import pytest

from internvl_operator.text.yaml_documents import read_document, read_documents

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Internvl


def nested(levels: int) -> str:
    """A flow map in a map in a map."""
    return "{a: " * levels + "1" + "}" * levels


def test_each_document_of_a_text_is_read() -> None:
    assert read_documents("a: 1\n---\nb: 2\n", "file") == [{"a": 1}, {"b": 2}]


def test_what_is_nested_as_deep_as_may_be_is_read() -> None:
    assert read_documents(nested(99), "file")


@pytest.mark.parametrize("levels", [100, 150, 1_500, 20_000])
def test_what_is_nested_deeper_is_refused_by_name(levels: int) -> None:
    with pytest.raises(ValueError, match=r"^models\.yaml is nested more than 100 levels deep"):
        read_documents(nested(levels), "models.yaml")


def test_an_alias_that_leads_back_to_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="nested more than 100 levels"):
        read_documents("a: &a {b: *a}", "file")


def test_aliases_that_multiply_are_read_in_no_time() -> None:
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 60))]
    (document,) = read_documents("\n".join(lines), "file")
    assert len(document) == 60


def test_what_is_no_yaml_is_refused_with_its_place() -> None:
    with pytest.raises(ValueError, match=r"(?s)^file is not YAML: .*line 1"):
        read_documents("a: [", "file")


def test_several_documents_where_one_is_read_are_refused() -> None:
    with pytest.raises(ValueError, match="file holds 2 YAML documents"):
        read_document("a: 1\n---\nb: 2\n", "file")
    assert read_document("", "file") is None


@pytest.mark.parametrize(
    "verb",
    [("plan", "-f"), ("render", "-f"), ("render", "--platform-defaults"), ("memory", "--sizes", "2B", "-f")],
)
def test_every_verb_that_reads_a_file_says_so(
    verb: tuple[str, ...], internvl: Internvl, tmp_path: Path
) -> None:
    file, good = tmp_path / "deep.yaml", tmp_path / "good.yaml"
    file.write_text(f"kind: InternVLDeployment\nspec: {nested(1_500)}\n")
    good.write_text("kind: InternVLDeployment\nmetadata: {name: x}\nspec: {size: 8B}\n")
    beside = ["-f", str(good)] if "--platform-defaults" in verb else []
    code, out, err = internvl(*verb, str(file), *beside)
    assert code == 2
    assert f"{file} is nested more than 100 levels deep" in err
    assert out == ""


HEAD = "spec:\n  size: 8B\n"
BOMBS = {
    "of lists": "".join(f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)),
    "of merges": "".join(f"  a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 12)),
}
LONG = {
    "a list": lambda: "".join(f"  - --flag-{number}\n" for number in range(600_000)),
    "a text": lambda: "a: " + "a" * 10_000_000,
    "documents": lambda: "---\n{}\n" * 400_000,
}


@pytest.mark.parametrize("make", LONG.values(), ids=LONG)
def test_a_text_of_megabytes_is_refused_at_once(make: Callable[[], str]) -> None:
    text = make()
    begun = thread_time()
    with pytest.raises(ValueError, match="split it"):
        read_documents(text, "a file")
    assert thread_time() - begun < 0.1


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "{a: " * 100_000, '{"a": ' * 100_000], ids=["lists", "maps", "JSON"]
)
def test_nodes_that_are_nested_without_end_are_told_in_a_line(
    internvl: Internvl, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "nodes"
    file.write_text(text)
    code, _, errors = internvl("plan", "8B", "--nodes", str(file))
    assert (code, "nested more than" in errors.splitlines()[-1]) == (2, True)


@pytest.mark.parametrize("name", BOMBS)
def test_a_text_that_grows_when_it_is_read_is_read_or_refused_in_time(name: str) -> None:
    first = "  a0: &a0 [a]\n" if name == "of lists" else "  a0: &a0 {a: 1, b: 2}\n"
    begun = thread_time()
    with suppress(ValueError):
        read_documents(HEAD + first + BOMBS[name], "a file")
    assert thread_time() - begun < 2
