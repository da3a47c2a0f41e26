"""Unit tests of `scripts/adapters/quality`."""
