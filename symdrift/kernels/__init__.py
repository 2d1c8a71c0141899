"""NumPy source generated from the derived expressions.

Nothing is imported here: :mod:`symdrift.kernels.printed` makes modules without which
:mod:`symdrift.kernels.standalone` cannot be imported.
"""
