"""Unit tests of `scripts/release`."""
