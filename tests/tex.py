"""TeX for tests: absent TeX skips a test, except in continuous integration."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

HAS_TEX = shutil.which("pdflatex") is not None

needs_tex = pytest.mark.skipif(
    not HAS_TEX and os.environ.get("CI") != "true",
    reason="pdflatex is not installed (in continuous integration this test fails instead)",
)

_PREAMBLE = (
    r"\documentclass[11pt]{article}\usepackage[T1]{fontenc}\usepackage{lmodern,amsmath,amssymb}"
    r"\begin{document}\typeout{EM=\the\fontdimen6\font}"
)


def widths(samples: Sequence[str], directory: Path) -> list[float]:
    """Widths in em that TeX gives to formulas in display style."""
    boxes = "\n".join(
        rf"\setbox0\hbox{{$\displaystyle {sample}$}}\typeout{{WD=\the\wd0}}" for sample in samples
    )
    (directory / "w.tex").write_text(_PREAMBLE + boxes + r"\end{document}", encoding="utf-8")
    run = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "w.tex"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=True,
    )
    (em,) = re.findall(r"EM=([\d.]+)pt", run.stdout)
    measured = [float(points) / float(em) for points in re.findall(r"WD=([\d.]+)pt", run.stdout)]
    assert len(measured) == len(samples)
    return measured


def pages_of(source: Path) -> int:
    """Pages of a document as TeX's first pass makes them, with the numbers of equations unknown."""
    command = ["pdflatex", "-interaction=batchmode", source.name]
    subprocess.run(command, cwd=source.parent, capture_output=True, check=False)
    log = source.with_suffix(".log").read_text("latin-1")
    (count,) = re.findall(r"Output written on \S+ \((\d+) page", log.replace("\n", ""))
    return int(count)
