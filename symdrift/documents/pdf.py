"""Compiling LaTeX, and reading from its log what a referee would object to."""

from __future__ import annotations

import logging
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from symdrift.execution import available_processors
from symdrift.files import write_bytes
from symdrift.progress import Progress

_LOGGER = logging.getLogger("symdrift")

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
_POLL = 0.1
_RUNS = 4
_ERROR = re.compile(r"^! (?P<text>(?! ==>).*)$", re.MULTILINE)
_OVERFULL = re.compile(r"^Overfull \\[hv]box \((?P<excess>[\d.]+)pt too (?:wide|high)\).*$", re.M)
_UNDEFINED = re.compile(
    r"^.*Warning: (?:(?:Reference|Citation) .* undefined|Label .* multiply defined).*$", re.M
)
_ABSENT = re.compile(r"File `[^']*\.(?:sty|cls|def|fd)' not found")
_RERUN = re.compile(r"Rerun to get|Label\(s\) may have changed|Table widths have changed")


class TexMissing(Exception):
    """There is no TeX with all the packages of a document."""


@dataclass(frozen=True)
class CompileResult:
    """Outcome of compiling one document.

    Attributes
    ----------
    pdf : pathlib.Path or None
        The document, beside its source; None when TeX is missing or failed.
    available : bool
        Whether TeX was found, with every package that the document loads; errors name the
        first that is missing.
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
    def faults(self) -> tuple[str, ...]:
        """What makes the document wrong; a box that is too large only looks bad."""
        return (*self.errors, *self.undefined)

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything wrong with the document."""
        return (*self.faults, *self.overfull)

    @property
    def fault(self) -> str:
        """What TeX says: all its errors, or else the first thing that is wrong."""
        return "; ".join(self.errors) or self.problems[0]


def log_overfull(tex_path: Path, result: CompileResult) -> None:
    """Say which boxes are too large: text of a study that has no place to break."""
    for box in result.overfull:
        _LOGGER.warning("%s has a part that is larger than its place: %s", tex_path.name, box)


def has_tex() -> bool:
    """Whether there is a program that compiles LaTeX."""
    return shutil.which("pdflatex") is not None


def compile_pdfs(
    tex_paths: Sequence[Path], progress: Progress | None = None
) -> list[CompileResult]:
    """Compile LaTeX files as `compile_pdf` does, one per processor at a time.

    An interrupt stops all of them.
    """
    stopped = threading.Event()
    with ThreadPoolExecutor(available_processors()) as pool:
        futures = [pool.submit(compile_pdf, path, stopped) for path in tex_paths]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                if progress is not None:
                    progress(done, len(futures))
        except BaseException:
            stopped.set()
            pool.shutdown(cancel_futures=True)
            raise
    return [future.result() for future in futures]


def compile_pdf(tex_path: Path, stopped: threading.Event | None = None) -> CompileResult:
    """Compile a LaTeX file with pdflatex; the PDF appears beside it.

    Auxiliary files stay in a temporary directory.  The PDF depends on the source only
    (fixed dates), and TeX can neither run programs nor write elsewhere.

    Parameters
    ----------
    tex_path : Path
    stopped : threading.Event, optional
        Ends TeX when it is set, as an interrupt of the main thread does.

    Raises
    ------
    RequestError
        When the PDF cannot be written.
    concurrent.futures.CancelledError
        When it was stopped.
    """
    if not has_tex():
        return CompileResult(None, available=False)
    with tempfile.TemporaryDirectory(prefix="symdrift-") as build:
        log, failure = _run(tex_path, Path(build), stopped or threading.Event())
        errors = _errors(log) or failure
        if any(_ABSENT.search(error) for error in errors):
            return CompileResult(None, available=False, errors=errors)
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


def _run(tex_path: Path, build: Path, stopped: threading.Event) -> tuple[str, tuple[str, ...]]:
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
        with subprocess.Popen(
            command,
            cwd=tex_path.parent,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # latexmk and what it runs are stopped together.
            process_group=0,
        ) as process:
            try:
                output = _finished(process, stopped)
            except subprocess.TimeoutExpired:
                _kill(process)
                return log, (f"{command[0]} did not finish within {_TIMEOUT:.0f} s",)
            except BaseException:
                _kill(process)
                raise
        log = log_path.read_text(encoding="utf-8", errors="replace") if log_path.exists() else ""
        if process.returncode != 0:
            return log, (f"{command[0]} ended with code {process.returncode}: {_words(output)}",)
        if not _RERUN.search(log):
            break
    return log, ()


def _finished(process: subprocess.Popen[bytes], stopped: threading.Event) -> str:
    """Output of a program that has ended."""
    end = time.monotonic() + _TIMEOUT
    while True:
        try:
            return process.communicate(timeout=_POLL)[0].decode(errors="replace")
        except subprocess.TimeoutExpired:
            if stopped.is_set():
                raise CancelledError from None
            if time.monotonic() > end:
                raise


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a program with all that it has started."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def _words(output: str) -> str:
    """What a program says of its failure, where it has written no log."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    loud = [line for line in lines if line.startswith("!") or line.endswith("!")]
    return " ".join(loud or lines[-3:])


def _errors(log: str) -> tuple[str, ...]:
    """Each error as TeX writes it, with the source line at which it stopped."""
    found = []
    for match in _ERROR.finditer(log):
        line = re.search(r"^l\.\d+ .*$", log[match.end() :], re.MULTILINE)
        found.append(match[0] + (f" ({line.group(0)})" if line else ""))
    return tuple(found)
