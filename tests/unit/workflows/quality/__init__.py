"""Unit tests of `scripts/workflows/quality`."""
