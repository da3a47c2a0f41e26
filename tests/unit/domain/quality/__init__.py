"""Unit tests of `scripts/domain/quality`."""
