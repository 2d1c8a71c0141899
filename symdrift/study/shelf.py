"""Where studies are found."""

from __future__ import annotations

import tomllib
from difflib import get_close_matches
from pathlib import Path

from symdrift.errors import RequestError
from symdrift.study.model import Study
from symdrift.study.reader import study_from_document

LARGEST_FILE = 10_000_000
"""Bytes; a study that needs more should keep its samples in a file of their own."""


def shipped_studies() -> dict[str, Path]:
    """Files of the studies that come with symdrift, by name, in alphabetical order."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "derivations"
    # An editable checkout keeps them beside the package.
    folder = installed if installed.is_dir() else package.parent / "derivations"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def read_study(path_or_name: str | Path) -> Study:
    """Read and validate a study.

    Parameters
    ----------
    path_or_name : str or Path
        A TOML file, or the name of a shipped study.

    Raises
    ------
    RequestError
        When there is no such study, or it is invalid; the message names the field.
    """
    path = _locate(path_or_name)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise RequestError("study", f"{path} is larger than {LARGEST_FILE} bytes")
        # Some editors put a byte order mark first.
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise RequestError("study", f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise RequestError("study", f"{path} is not UTF-8 text (byte {error.start})") from None
    try:
        document = tomllib.loads(text)
    except ValueError as error:  # also raised for integers of thousands of digits
        raise RequestError("study", f"{path} is not TOML: {error}") from None
    except RecursionError:
        raise RequestError("study", f"{path} is not usable: it is nested too deeply") from None
    return study_from_document(document, path.stem, path)


def _locate(path_or_name: str | Path) -> Path:
    shipped = shipped_studies()
    name = str(path_or_name)
    if name in shipped:
        return shipped[name]
    path = Path(path_or_name)
    try:
        if path.is_file():
            return path
        if path.is_dir():
            raise RequestError("study", f'"{name}" is a directory; give a TOML file')
        if path.exists():
            raise RequestError("study", f'"{name}" is no ordinary file; give a TOML file')
    except OSError as error:
        shown = name if len(name) <= 60 else f"{name[:57]}..."
        raise RequestError("study", f'"{shown}" cannot be read: {error.strerror}') from None
    if path.suffix == ".toml" or len(path.parts) > 1:
        raise RequestError("study", f'"{name}" is not there; give an existing TOML file')
    close = get_close_matches(name, shipped, n=1)
    hint = f'did you mean "{close[0]}"? ' if close else ""
    raise RequestError(
        "study", f'"{name}" is unknown; {hint}shipped studies are {", ".join(shipped) or "none"}'
    )
