"""Unit tests of `scripts/database`."""
