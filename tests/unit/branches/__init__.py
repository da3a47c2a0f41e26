"""Unit tests of `scripts/branches`."""
