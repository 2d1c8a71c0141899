"""Writing a derivation as a document, in every format."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from symdrift.cache import cached, digest_of
from symdrift.derivation.steps import Derivation
from symdrift.documents.bibliography import bibtex
from symdrift.documents.html import derivation_html
from symdrift.documents.latex import derivation_latex, fragment_latex
from symdrift.documents.lean import lean_certificate
from symdrift.documents.levels import at_level
from symdrift.documents.numbers import NO_NUMBERS, Numbers
from symdrift.documents.pages import (
    DERIVATION_FORMATS,
    FORMATS,
    PAGES,
    Page,
    page_of,
    require_formats,
    require_level,
)
from symdrift.documents.pdf import TEX_MISSING, TexMissing, compile_pdf, has_tex, log_overfull
from symdrift.documents.reliance_graph import reliance_graph
from symdrift.documents.sheet import sheet_latex
from symdrift.documents.slides import slides_latex
from symdrift.errors import CheckFailed
from symdrift.evaluation.closed_form import evaluate
from symdrift.files import write_bytes, write_text
from symdrift.kernels.standalone import write_kernels
from symdrift.progress import Progress, Stages, log_stage
from symdrift.study import Study
from symdrift.theory.derive import derive
from symdrift.theory.subject import is_aligned


class Handout(NamedTuple):
    """A document of its own besides the article: the name of its file, and its text."""

    file: str
    text: Callable[[Derivation], str]


HANDOUTS: Mapping[str, Handout] = MappingProxyType(
    {
        "slides": Handout("slides.tex", slides_latex),
        "sheet": Handout("sheet.tex", sheet_latex),
    }
)
"""Handouts by their format; those in LaTeX have PDFs."""

BIBLIOGRAPHY = "references.bib"

_LOGGER = logging.getLogger("symdrift")


def write_derivation(
    study: Study,
    directory: str | Path,
    formats: Collection[str],
    width: str = "article",
    progress: Progress | None = None,
    level: str = "full",
) -> list[Path]:
    """Derive a study and write its documents and its kernels.

    Parameters
    ----------
    study : Study
    directory : str or Path
        Made when missing; receives ``derivation.tex``, ``.html``, ``.pdf``,
        ``graph.svg``, ``fragment.tex``, ``slides.tex``, ``sheet.tex``, ``references.bib``
        beside any of the LaTeX sources, ``certificate.lean``, and ``kernels.py``.
    formats : collection of str
        Of :data:`symdrift.documents.pages.DERIVATION_FORMATS`.  The graph leads into the HTML
        page, which is written with it.  The PDF is made of the article, the slides and the sheet,
        as far as they are asked for, and of the article when none of them is.  The certificate has
        all identities, whatever the level.
    width : str
        Width of the text in article and fragment, as :func:`symdrift.documents.pages.page_of`
        reads it: "article", "column", a number of em, or a length.
    progress : callable, optional
        Receives percentages.
    level : {"full", "paper", "outline", "results"}
        How much the documents tell, as :func:`symdrift.documents.levels.at_level` says.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    RequestError
        For an unknown format, width or level, or when a file cannot be written.
    CheckFailed
        When a step of the derivation or the compilation fails.
    """
    require_formats(formats, DERIVATION_FORMATS)
    require_level(level)
    directory, page = Path(directory), page_of(width, level)
    stages = Stages(progress)
    if study.is_plain and is_aligned(study) and not study.missing:
        # The formulas refuse learning rates at which they have no numbers.
        evaluate(study.problem())
    whole = derive(study, stages.stage(0, 80), certified="lean" in formats)
    require_passed(whole)
    derivation = at_level(whole, level)
    handouts = [handout for name, handout in HANDOUTS.items() if name in formats]
    in_latex = [handout for handout in handouts if handout.file.endswith(".tex")]
    article = [n for n in FORMATS if n in formats or (n == "html" and "graph" in formats)]
    if in_latex and "tex" not in formats and "pdf" in article:
        article.remove("pdf")
    written: list[Path] = []
    sources = []
    if article:
        if "pdf" in article:
            sources.append(directory / "derivation.tex")
            article = [name for name in article if name not in ("tex", "pdf")] + ["tex"]
        written += write_document(derivation, directory, "derivation", article, page=page)
    if "graph" in formats:
        graph = reliance_graph(derivation, "derivation.html")
        written.append(write_text(directory / "graph.svg", graph))
    if "fragment" in formats:
        written.append(write_text(directory / "fragment.tex", fragment_latex(derivation, page)))
    if "lean" in formats:
        written.append(write_text(directory / "certificate.lean", lean_certificate(whole)))
    for handout in handouts:
        source = write_text(directory / handout.file, handout.text(derivation))
        written.append(source)
        if "pdf" in formats and handout in in_latex:
            sources.append(source)
    bibliography = directory / BIBLIOGRAPHY
    if (in_latex or "fragment" in formats) and bibliography not in written:
        written.append(write_text(bibliography, bibtex()))
    if study.is_plain:
        written += write_kernels(study, directory)
    stages.reach(85)
    written += write_pdfs(sources)
    stages.reach(100)
    return written


def write_document(
    derivation: Derivation,
    directory: Path,
    stem: str,
    formats: Collection[str],
    numbers: Numbers = NO_NUMBERS,
    page: Page = PAGES["article"],
) -> list[Path]:
    """Write the document of a derivation in the given formats, and what it cites as BibTeX.

    Raises
    ------
    RequestError
        For an unknown format, or when a file cannot be written.
    CheckFailed
        When a check of the derivation failed, or TeX finds fault with the document.
    """
    require_formats(formats, FORMATS)
    require_passed(derivation)
    log_stage(f"writing {stem}")
    told = digest_of((derivation, numbers, page))
    written: list[Path] = []
    if "html" in formats:
        target = directory / f"{stem}.html"
        written.append(_write(target, told, lambda: derivation_html(derivation, numbers)))
    if "tex" in formats or "pdf" in formats:
        target = directory / f"{stem}.tex"
        written.append(_write(target, told, lambda: derivation_latex(derivation, numbers, page)))
        written.append(write_text(directory / BIBLIOGRAPHY, bibtex()))
    if "pdf" in formats:
        written += write_pdfs([directory / f"{stem}.tex"])
    return written


def _write(target: Path, told: str, text: Callable[[], str]) -> Path:
    """Write a document, composed anew only when the digest of what it tells has changed."""
    kept = cached(target.name, told, text, lambda found: isinstance(found, str))
    return write_text(target, kept)


def write_pdfs(sources: Collection[Path]) -> list[Path]:
    """PDFs of LaTeX documents; none, and a warning, where TeX is missing.

    Raises
    ------
    CheckFailed
        With the words of TeX, when it finds fault with a document; the others are made first.
    """
    written: list[Path] = []
    faults = []
    for source in sources:
        try:
            written += _write_pdf(source)
        except CheckFailed as fault:
            faults.append(f"{fault}; what needs no TeX was written to {source.parent}")
    if faults:
        raise CheckFailed("; ".join(faults))
    return written


def _write_pdf(source: Path) -> list[Path]:
    """The document as PDF; TeX runs only when the source or a figure has changed."""
    target = source.with_suffix(".pdf")
    if not has_tex():
        _LOGGER.warning("%s was not built: %s", target.name, TEX_MISSING)
        return []
    figures = sorted((source.parent / "figures").glob("*.pdf"))
    read = [sha256(path.read_bytes()).hexdigest() for path in (source, *figures)]
    try:
        content = cached(
            "pdf",
            [source.name, [path.name for path in figures], read],
            lambda: _compiled(source),
            lambda kept: isinstance(kept, bytes),
        )
    except TexMissing as missing:
        _LOGGER.warning("%s was not built: %s", target.name, missing)
        return []
    return [write_bytes(target, content)]


def _compiled(source: Path) -> bytes:
    log_stage(f"compiling {source.name}")
    result = compile_pdf(source)
    if not result.available:
        raise TexMissing(f"{result.fault}; {TEX_MISSING}")
    if result.pdf is None or result.faults:
        raise CheckFailed(f"{source.name} does not compile cleanly: {result.fault}")
    log_overfull(source, result)
    return result.pdf.read_bytes()


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
