"""Documents of a study: the derivation and the report, as LaTeX, PDF and HTML."""
