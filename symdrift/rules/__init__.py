"""Learning rules: what one sample does to the weights, a file per rule."""
