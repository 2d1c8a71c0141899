"""Formulas on a page: printed in the order of the theory, measured, broken into lines."""
