"""Writing a derivation as a document, in every format."""

from __future__ import annotations

import logging
from collections.abc import Collection
from pathlib import Path

from symdrift.chain import derive
from symdrift.derivation import Derivation
from symdrift.documents.html import derivation_html
from symdrift.documents.latex import derivation_latex
from symdrift.documents.numbers import NO_NUMBERS, Numbers
from symdrift.documents.pdf import TEX_MISSING, compile_pdf
from symdrift.errors import CheckFailed, RequestError
from symdrift.files import write_text
from symdrift.kernels import write_kernels
from symdrift.study import Study

FORMATS = ("tex", "html", "pdf")

_LOGGER = logging.getLogger("symdrift")


def write_derivation(study: Study, directory: Path, formats: Collection[str]) -> list[Path]:
    """Derive a study and write its document and its kernels.

    Parameters
    ----------
    study : Study
    directory : Path
        Made when missing; receives ``derivation.tex``, ``.html``, ``.pdf`` and
        ``kernels.py``.
    formats : collection of {"tex", "html", "pdf"}
        The PDF needs the LaTeX source, which is then written too.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    RequestError
        For an unknown format, or when a file cannot be written.
    CheckFailed
        When a step of the derivation or the compilation fails.
    """
    _require_formats(formats)
    derivation = derive(study)
    written = write_document(derivation, directory, "derivation", formats)
    return [*written, write_kernels(study, directory)]


def write_document(
    derivation: Derivation,
    directory: Path,
    stem: str,
    formats: Collection[str],
    numbers: Numbers = NO_NUMBERS,
) -> list[Path]:
    """Write the document of a derivation in the given formats.

    Raises
    ------
    RequestError
        For an unknown format, or when a file cannot be written.
    CheckFailed
        When a check of the derivation failed, or TeX finds fault with the document.
    """
    _require_formats(formats)
    require_passed(derivation)
    written: list[Path] = []
    if "html" in formats:
        page = derivation_html(derivation, numbers)
        written.append(write_text(directory / f"{stem}.html", page))
    if "tex" in formats or "pdf" in formats:
        source = derivation_latex(derivation, numbers)
        written.append(write_text(directory / f"{stem}.tex", source))
    if "pdf" in formats:
        written += _write_pdf(directory / f"{stem}.tex")
    return written


def _write_pdf(source: Path) -> list[Path]:
    result = compile_pdf(source)
    if not result.available:
        _LOGGER.warning(TEX_MISSING)
        return []
    if result.pdf is None or result.problems:
        raise CheckFailed(f"{source.name} does not compile cleanly: {result.problems[0]}")
    return [result.pdf]


def _require_formats(formats: Collection[str]) -> None:
    for name in formats:
        if name not in FORMATS:
            raise RequestError("format", f'= "{name}" is unknown; allowed are {", ".join(FORMATS)}')
    if not formats:
        raise RequestError("format", f"is empty; give some of {', '.join(FORMATS)}")


def require_passed(derivation: Derivation) -> None:
    """Refuse a derivation in which a check failed.

    Raises
    ------
    CheckFailed
        Naming the step.
    """
    for step in derivation.steps:
        for check in step.checks:
            if not check.passed:
                raise CheckFailed(f"step {step.identifier} failed its check: {check.statement}")
