"""The arithmetic of `tests/bench/`."""
