"""Relative distances that the dense road tells from zero."""

THRESHOLD_TOLERANCE = 1e-9
"""Below it a threshold or a tie counts as met with equality, a singular value as zero."""
