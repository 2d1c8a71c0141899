"""Documents of a study: the derivation and the report, as LaTeX, PDF and HTML."""

from symdrift.documents.writing import write_derivation, write_document, write_report

__all__ = ["write_derivation", "write_document", "write_report"]
