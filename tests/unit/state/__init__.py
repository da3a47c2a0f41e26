"""Unit tests of `scripts/state`."""
