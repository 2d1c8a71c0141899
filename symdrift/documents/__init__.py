"""Documents of a study: the derivation and the report, as LaTeX, PDF and HTML.

Names are imported on first use: who writes a derivation needs no simulator.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symdrift.documents.report import write_report as write_report
    from symdrift.documents.writing import write_derivation as write_derivation
    from symdrift.documents.writing import write_document as write_document

__all__ = ["write_derivation", "write_document", "write_report"]


if not TYPE_CHECKING:  # A checker sees the imports above, and misspelt names as errors.

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = "report" if name == "write_report" else "writing"
        return getattr(import_module(f"symdrift.documents.{module}"), name)
