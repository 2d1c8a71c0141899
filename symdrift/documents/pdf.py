"""Compiling LaTeX, and reading from its log what a referee would object to."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from symdrift.files import write_bytes

OVERFULL_LIMIT = 1.0
"""Overfull boxes up to this many points are tolerated."""

TEX_MISSING = (
    "no pdflatex with all the packages of the document was found; install TeX Live (Debian: "
    "apt-get install texlive-latex-recommended texlive-latex-extra lmodern latexmk) and run the "
    "command again"
)
"""Why there is no PDF and how to get it."""

_EPOCH = "1688342400"
_TIMEOUT = 300.0
_RUNS = 4
_ERROR = re.compile(r"^! (?P<text>(?! ==>).*)$", re.MULTILINE)
_OVERFULL = re.compile(r"^Overfull \\[hv]box \((?P<excess>[\d.]+)pt too (?:wide|high)\).*$", re.M)
_UNDEFINED = re.compile(
    r"^.*Warning: (?:(?:Reference|Citation) .* undefined|Label .* multiply defined).*$", re.M
)
_ABSENT = re.compile(r"File `[^']*\.(?:sty|cls|def|fd)' not found")
_RERUN = re.compile(r"Rerun to get|Label\(s\) may have changed|Table widths have changed")


@dataclass(frozen=True)
class CompileResult:
    """Outcome of compiling one document.

    Attributes
    ----------
    pdf : pathlib.Path or None
        The document, beside its source; None when TeX is missing or failed.
    available : bool
        Whether TeX was found, with every package that the document loads.
    errors, overfull, undefined : tuple of str
        Lines of the log: errors, boxes more than 1 pt too large, references and
        citations that lead nowhere or labels given twice.
    """

    pdf: Path | None
    available: bool = True
    errors: tuple[str, ...] = ()
    overfull: tuple[str, ...] = ()
    undefined: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything wrong with the document."""
        return (*self.errors, *self.overfull, *self.undefined)


def has_tex() -> bool:
    """Whether there is a program that compiles LaTeX."""
    return shutil.which("pdflatex") is not None


def tex_available() -> bool:
    """Whether `compile_pdf` finds TeX."""
    return shutil.which("pdflatex") is not None


def compile_pdf(tex_path: Path) -> CompileResult:
    """Compile a LaTeX file with pdflatex; the PDF appears beside it.

    Auxiliary files stay in a temporary directory.  The PDF depends on the source only
    (fixed dates), and TeX can neither run programs nor write elsewhere.
    """
    if not has_tex():
        return CompileResult(None, available=False)
    with tempfile.TemporaryDirectory(prefix="symdrift-") as build:
        log, failure = _run(tex_path, Path(build))
        errors = _errors(log) or failure
        if any(_ABSENT.search(error) for error in errors):
            return CompileResult(None, available=False)
        overfull = tuple(
            match.group(0)
            for match in _OVERFULL.finditer(log)
            if float(match["excess"]) > OVERFULL_LIMIT
        )
        undefined = tuple(dict.fromkeys(_UNDEFINED.findall(log)))
        product = Path(build) / f"{tex_path.stem}.pdf"
        if errors or not product.exists():
            return CompileResult(None, True, errors or ("no PDF was made",), overfull, undefined)
        pdf = write_bytes(tex_path.with_suffix(".pdf"), product.read_bytes())
    return CompileResult(pdf, True, (), overfull, undefined)


def _run(tex_path: Path, build: Path) -> tuple[str, tuple[str, ...]]:
    """Log of the last run, and a message when a program could not finish."""
    options = ["-no-shell-escape", "-halt-on-error", "-interaction=nonstopmode"]
    if shutil.which("latexmk") is not None:
        # -norc: the result must not depend on the configuration of the user.
        command = ["latexmk", "-norc", "-pdf", *options, f"-outdir={build}", tex_path.name]
        repeat = 1
    else:
        command = ["pdflatex", *options, f"-output-directory={build}", tex_path.name]
        repeat = _RUNS
    environment = {
        **os.environ,
        "SOURCE_DATE_EPOCH": _EPOCH,
        "FORCE_SOURCE_DATE": "1",
        "openout_any": "p",
        "max_print_line": "10000",
        "error_line": "254",
        "half_error_line": "238",
    }
    log_path = build / f"{tex_path.stem}.log"
    log = ""
    for _ in range(repeat):
        try:
            finished = subprocess.run(
                command,
                cwd=tex_path.parent,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return log, (f"{command[0]} did not finish within {_TIMEOUT:.0f} s",)
        log = log_path.read_text(encoding="utf-8", errors="replace") if log_path.exists() else ""
        if finished.returncode != 0:
            return log, (f"{command[0]} ended with code {finished.returncode}",)
        if not _RERUN.search(log):
            break
    return log, ()


def _errors(log: str) -> tuple[str, ...]:
    """Each error with the source line at which TeX stopped."""
    found = []
    for match in _ERROR.finditer(log):
        line = re.search(r"^l\.\d+ .*$", log[match.end() :], re.MULTILINE)
        found.append(match["text"] + (f" ({line.group(0)})" if line else ""))
    return tuple(found)
