"""The house is what `docs/architecture.md` says: one direction of flow, one address per thing."""

from __future__ import annotations

import importlib
import re
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


def libraries() -> str:
    """Dependencies and extras, each with the reason that stands beside it."""
    lines = ["| library | for | what for |", "| --- | --- | --- |"]
    group = ""
    text = (ROOT / "pyproject.toml").read_text("utf-8").partition("[project.scripts]")[0]
    for line in text.splitlines():
        if opened := re.match(r"(\w+) = \[$", line):
            group = "every command" if opened[1] == "dependencies" else opened[1]
        if named := re.match(r' +"([\w.-]+)[^"]*", *# (.+)', line):
            lines.append(f"| {named[1]} | {group} | {named[2]} |")
    return "\n".join(line for line in lines if "| test |" not in line)


def test_the_table_of_libraries_is_that_of_the_package() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    assert libraries() in text, f"write it so:\n{libraries()}"


def test_lines_kept_by_hand_are_counted() -> None:
    """To a tenth: of rows that begin with files."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    table = text.partition("## Kept by hand")[2]
    for names, said in re.findall(r"^\| ([^|]*`[^|]*) \| ([0-9,]+)[ |,]", table, re.MULTILINE):
        if names.startswith("frames"):
            continue
        found = re.findall(r"`([\w/]+(?:\.py|/))`", names)
        folder = f"{found[0].rpartition('/')[0]}/" if "/" in found[0] else ""
        paths = [PACKAGE / (name if "/" in name else folder + name) for name in found]
        files = [f for path in paths for f in (path.glob("*.py") if path.is_dir() else [path])]
        count = sum(len(path.read_text("utf-8").splitlines()) for path in files)
        assert abs(int(said.replace(",", "")) - count) < count / 10, f"{names}: {count}"


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


def test_no_template_holds_an_algorithm() -> None:
    assert [*PACKAGE.rglob("*.py.jinja"), *PACKAGE.rglob("*.js.jinja")] == []


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
