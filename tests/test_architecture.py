"""The house is what `docs/architecture.md` says: one direction of flow, one address per thing."""

from __future__ import annotations

import importlib
import tomllib
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "symdrift"
SOURCES = sorted(PACKAGE.rglob("*.py"))
PRINTED = sorted((PACKAGE / "evaluation").rglob("printed_*.py"))
LONGEST = 600


def layers() -> list[list[str]]:
    """Rows of modules, the highest first, as the import contract lists them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (contract,) = [contract for contract in contracts if contract["type"] == "layers"]
    return [layer.split(" | ") for layer in contract["layers"]]


def picture() -> str:
    rows = layers()
    lines = ["flowchart TD"]
    for number, row in enumerate(rows):
        lines.append(f'    L{number}["{" · ".join(row)}"]')
    lines += [f"    L{number} --> L{number + 1}" for number in range(len(rows) - 1)]
    return "\n".join(lines)


def test_the_picture_is_that_of_the_contracts() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    assert f"```mermaid\n{picture()}\n```" in text, f"draw it so:\n{picture()}"


def test_every_module_has_its_layer_and_says_what_it_is() -> None:
    named = {name for row in layers() for name in row}
    found = {path.stem if path.is_file() else path.name for path in PACKAGE.iterdir()}
    assert named == {name for name in found if name.isidentifier()} - {
        "__init__",
        "__pycache__",
        "py",
    }
    for path in SOURCES:
        assert path.read_text("utf-8").lstrip("r").startswith('"""'), path


def test_no_module_is_too_long_to_be_read() -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    assert {p.name: n for p, n in lengths.items() if n > LONGEST and p not in PRINTED} == {}


def test_the_theory_needs_nothing_that_was_printed() -> None:
    """The contract names every printed module."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contract = next(
        contract
        for contract in settings["tool"]["importlinter"]["contracts"]
        if "symdrift.theory" in contract.get("source_modules", ())
    )
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in PRINTED}
    assert set(contract["forbidden_modules"]) == names


def test_no_template_holds_python() -> None:
    assert list(PACKAGE.rglob("*.py.jinja")) == []


def test_no_file_name_stands_twice_outside_of_the_commands() -> None:
    names = Counter(
        path.name
        for path in SOURCES
        if path.parent.name != "cli" and path.name not in ("__init__.py", "__main__.py")
    )
    assert {name for name, count in names.items() if count > 1} == set()


def test_the_page_names_files_that_are_there() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    for word in text.replace("`", " ").split():
        name = word.strip(";:,.()")
        if "/" in name and name.endswith(".py") and "NAME" not in name:
            assert (PACKAGE / name).exists() or (ROOT / name).exists(), name


@pytest.mark.parametrize("path", sorted((PACKAGE / "theory").rglob("*.py")), ids=lambda p: p.stem)
def test_a_chapter_says_its_section_first(path: Path) -> None:
    if "return step(" in path.read_text("utf-8"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        first = (importlib.import_module(module).__doc__ or "").splitlines()[0]
        assert ": " in first and first.endswith(".")
