"""Unit tests of `scripts/quality`."""
