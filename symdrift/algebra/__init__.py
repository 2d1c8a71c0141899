"""Exact tools: rational functions, Gaussian moments, forms to display."""
