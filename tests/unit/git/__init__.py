"""Unit tests of `scripts/git`."""
