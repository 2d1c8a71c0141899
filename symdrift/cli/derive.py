"""``symdrift derive``."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

import symdrift
from symdrift.cli.options import level_option, out_option, set_option, study_argument
from symdrift.cli.requests import chosen_study, output_directory
from symdrift.cli.terminal import announce, progress_shown
from symdrift.documents.pages import DERIVATION_FORMATS, page_of, require_formats, require_level
from symdrift.errors import RequestError

if TYPE_CHECKING:
    from symdrift.study import Study


@click.command(epilog="Example: symdrift derive anisotropic_autoencoder --format tex,html")
@study_argument
@out_option
@click.option(
    "--format",
    "formats",
    metavar="LIST",
    help="Any of "
    + ", ".join(
        f"{','.join(names)} ({what})"
        for what, names in groupby(DERIVATION_FORMATS, key=DERIVATION_FORMATS.__getitem__)
    )
    + "; default: tex,html, and pdf where TeX is.",
)
@click.option(
    "--width",
    default="article",
    metavar="article|column|WIDTH",
    help="Width of the text in article and fragment, which equations are broken to fit: a number "
    "of em, or a length such as 252pt, 3.5in, 8.6cm or 86mm, in type of 10 pt unless it says so "
    "(8.6cm@11pt); 3.5 em of it are for the equation number.",
)
@level_option
@click.option(
    "--where",
    metavar="LABEL",
    help="Write nothing; print the file and the line that state the equation of this label, as "
    "the HTML page and the LaTeX source name it, or of a step (step:NAME) its function.",
)
@set_option
def derive(
    study: str,
    out: Path | None,
    formats: str | None,
    width: str,
    level: str,
    where: str | None,
    assignments: Sequence[str],
) -> None:
    """Derive a study, check every step, write it down.

    Writes the document of the derivation, the works that it cites as BibTeX, and the kernels
    that evaluate its results.  With slides or sheet, pdf compiles these.
    """
    text = "tex,html,pdf" if formats is None else formats
    wanted = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    pdf_asked_for = formats is not None and "pdf" in wanted
    # Before what takes seconds to import.
    from symdrift.study.learning_rules import require_derivable
    from symdrift.study.symbol_names import printed_symbols

    require_formats(wanted, DERIVATION_FORMATS)
    require_level(level)
    page_of(width)
    chosen = chosen_study(study, assignments)
    require_derivable(chosen)
    printed_symbols(chosen)
    if where is not None:
        print(_place(chosen, where))
        return
    directory = output_directory(out, chosen)
    from symdrift.documents import write_derivation
    from symdrift.documents.pdf import TEX_MISSING, has_tex

    missing = RequestError("--format", f'= "{text}" asks for a PDF, but {TEX_MISSING}')
    if pdf_asked_for and not has_tex():
        raise missing
    with progress_shown("deriving") as progress:
        written = write_derivation(chosen, directory, wanted, width, progress, level)
    announce(written)
    if pdf_asked_for and not any(path.suffix == ".pdf" for path in written):
        # TeX is there, a package of the document is not.
        raise missing


def _place(study: Study, label: str) -> str:
    """File and line of the code that states an equation, or derives a step."""
    from symdrift.theory.derive import derive

    with progress_shown("deriving") as progress:
        derivation = derive(study, progress)
    source = derivation.source(label, "--where")
    return f"{Path(symdrift.__file__).parents[1]}/{source}"
