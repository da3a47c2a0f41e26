"""Each file of `scripts/`, by itself, on real parts."""
