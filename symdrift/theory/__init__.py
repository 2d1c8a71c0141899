"""The chain from the per-sample loss to the results of one study, chapter by chapter."""
