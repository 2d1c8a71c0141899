"""Files that are no text, known by how they begin, and what to do with them."""

from __future__ import annotations

from dataclasses import dataclass

BEGINNING = 4096
"""Bytes of a file that tell."""

_EXPORT = "save its table as CSV (UTF-8)"
_SAVE = "save one matrix as CSV or NPY"
_UNPACK = "decompress it and give the file inside"


@dataclass(frozen=True)
class FileKind:
    """What a file is, and how to get a table of numbers out of it."""

    name: str
    advice: str


NPY = FileKind("an NPY file", "call it .npy")
_WORKBOOK = FileKind("an Excel workbook", f"open it in a spreadsheet and {_EXPORT}")
_SHEETS = FileKind("an OpenDocument file", f"open it in a spreadsheet and {_EXPORT}")
_ARRAYS = FileKind("an archive of NumPy arrays (npz)", "save one array as .npy with numpy.save")
_ARCHIVE = FileKind("a ZIP archive", "unpack it and give the file inside")
_PICTURE = FileKind("a picture", "give a table of numbers")

_MARKS: tuple[tuple[bytes, FileKind], ...] = (
    (b"\x93NUMPY", NPY),
    (b"\x1f\x8b", FileKind("compressed with gzip", _UNPACK)),
    (b"BZh", FileKind("compressed with bzip2", _UNPACK)),
    (b"\xfd7zXZ\0", FileKind("compressed with xz", _UNPACK)),
    (b"\x28\xb5\x2f\xfd", FileKind("compressed with Zstandard", _UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", FileKind("a 7z archive", "unpack it and give the file inside")),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _WORKBOOK),
    (b"\x89HDF\r\n", FileKind("an HDF5 file, as MATLAB writes too", _SAVE)),
    (b"MATLAB 5.0 MAT-file", FileKind("a MATLAB file", _SAVE)),
    (b"PAR1", FileKind("a Parquet file", _EXPORT)),
    (b"ARROW1\0", FileKind("a Feather file", _EXPORT)),
    (b"SQLite format 3\0", FileKind("an SQLite database", "export one table as CSV (UTF-8)")),
    (b"%PDF-", FileKind("a PDF document", "give a table of numbers")),
    (b"\x89PNG", _PICTURE),
    (b"\xff\xd8\xff", _PICTURE),
    (b"\xff\xfe", FileKind("UTF-16 text", "save it as UTF-8")),
    (b"\xfe\xff", FileKind("UTF-16 text", "save it as UTF-8")),
)
_BZIP2_BLOCK = b"1AY&SY"
"""What a name that begins with BZh does not go on with."""


def kind_of(beginning: bytes) -> FileKind | None:
    """What a file is by its first bytes; None for text and for what is not known.

    Parameters
    ----------
    beginning : bytes
        The first `BEGINNING` bytes, or all that there are.
    """
    if beginning.startswith(b"PK\3\4"):
        return _zipped(beginning)
    found = next((kind for mark, kind in _MARKS if beginning.startswith(mark)), None)
    if beginning.startswith(b"BZh") and beginning[4:10] != _BZIP2_BLOCK:
        return None
    return found


def _zipped(beginning: bytes) -> FileKind:
    """What a ZIP archive is by the names of its first entries."""
    if any(name in beginning for name in (b"[Content_Types].xml", b"docProps/", b"xl/")):
        return _WORKBOOK
    if b"application/vnd.oasis.opendocument" in beginning:
        return _SHEETS
    first = beginning[30 : 30 + int.from_bytes(beginning[26:28], "little")]
    return _ARRAYS if first.endswith(b".npy") else _ARCHIVE
