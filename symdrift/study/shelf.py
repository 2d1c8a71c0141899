"""Where studies are found."""

from __future__ import annotations

import math
import re
import tomllib
from pathlib import Path

from symdrift.errors import RequestError, did_you_mean
from symdrift.quoting import shown
from symdrift.study.file_kinds import BEGINNING, kind_of
from symdrift.study.reader import study_from_document
from symdrift.study.study import Study

LARGEST_FILE = 2_000_000
"""Bytes; a study that needs more should keep its samples in a file of their own."""
DEEPEST_KEY = 100
"""Parts of a dotted key; reading one takes a time that grows with their square."""

_STRING = re.compile(
    r'"""(?:\\[\s\S]|[^\\])*?(?:"""|\Z)|"(?:\\.|[^"\\\n])*+"'
    r"|'''[\s\S]*?(?:'''|\Z)|'[^'\n]*+'|#[^\n]*+"
)
"""Strings and comments, in which dots separate no parts."""
_PART = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')"""
_DEEP_KEY = re.compile(rf"(?<![A-Za-z0-9_.-])(?:{_PART}[ \t]*+\.[ \t]*+){{{DEEPEST_KEY}}}")


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
    name = _study_name(path)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise RequestError("study", f"{path} is larger than {LARGEST_FILE} bytes")
        # Some editors put a byte order mark first.
        content = path.read_bytes()
        if (kind := kind_of(content[:BEGINNING])) is not None:
            raise RequestError("study", f"{path} is {kind.name}; a study is UTF-8 text in TOML")
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise RequestError("study", f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise RequestError("study", f"{path} is not UTF-8 text (byte {error.start})") from None
    if _DEEP_KEY.search(_STRING.sub('""', text)):
        raise RequestError("study", f"{path} has a key of more than {DEEPEST_KEY} parts")
    try:
        document = tomllib.loads(text, parse_float=_float)
    except ValueError as error:
        if "set_int_max_str_digits" in str(error):
            raise RequestError("study", f"{path} has an integer of thousands of digits") from None
        raise RequestError("study", f"{path} is not TOML: {error}") from None
    except RecursionError:
        raise RequestError("study", f"{path} is not usable: it is nested too deeply") from None
    return study_from_document(document, name, path, Study)


def _float(text: str) -> float | str:
    """A number, or its text where a double is zero or infinite instead: refused in its place."""
    value = float(text)
    written = text.lower().partition("e")[0]
    lost = value == 0 and any(digit in "123456789" for digit in written)
    return text if lost or (math.isinf(value) and "inf" not in written) else value


def _study_name(path: Path) -> str:
    """Name of the study of a file: that of a folder inside the one where it is written.

    Raises
    ------
    RequestError
        When the file's name names none.
    """
    name = path.stem
    if name.strip(". ") == "" or not name.isprintable():
        raise RequestError(
            "study",
            f'"{shown(path.name)}" gives no name to the study and to the folder of its documents; '
            "rename the file: letters, digits, and marks between them",
        )
    return name


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
    raise RequestError(
        "study",
        f'"{name}" is unknown; {did_you_mean(name, shipped)}shipped studies are '
        f"{', '.join(shipped) or 'none'}",
    )
