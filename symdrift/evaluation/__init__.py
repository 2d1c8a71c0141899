"""Numbers: the closed form and the full matrices, two independent roads; nothing needs SymPy."""
