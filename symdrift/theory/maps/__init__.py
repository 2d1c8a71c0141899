"""The theory of any teacher and any inputs, on learned maps."""
