"""Unit tests of `scripts/setup/workflows`."""
