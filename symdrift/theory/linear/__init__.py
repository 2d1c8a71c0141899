"""Two-layer linear networks at their minimum, in full matrices and in representative indices."""
