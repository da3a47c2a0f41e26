"""Unit tests of `scripts/quality/load`."""
