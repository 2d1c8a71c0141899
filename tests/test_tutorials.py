"""The tutorials run from top to bottom, and what they make shows as mathematics and tables."""

from __future__ import annotations

from pathlib import Path

import jupytext
import nbclient
import pytest

TUTORIALS = Path(__file__).parents[1] / "docs" / "tutorials"


def shown(name: str) -> list[dict[str, str]]:
    """What the cells of a tutorial display, by media type."""
    notebook = jupytext.read(TUTORIALS / f"{name}.py")
    nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
    return [
        output["data"]
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "data" in output
    ]


# The client and the kernel warn about things of their own.
@pytest.mark.filterwarnings("default")
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("derive", {"text/html": "<table>", "text/latex": r"\begin{aligned}"}),
        ("evaluate", {"text/html": "Drift by stimulus", "image/png": ""}),
        ("teach", {"text/latex": r"\begin{aligned}", "image/png": ""}),
    ],
)
def test_a_tutorial_runs_and_its_results_show_nicely(name: str, kinds: dict[str, str]) -> None:
    outputs = shown(name)
    for kind, part in kinds.items():
        assert any(part in output.get(kind, "") for output in outputs if kind in output)


def test_there_is_a_tutorial_for_each_use() -> None:
    assert {path.stem for path in TUTORIALS.glob("*.py")} == {"derive", "evaluate", "teach"}
