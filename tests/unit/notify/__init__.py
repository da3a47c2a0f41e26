"""Unit tests of `scripts/notify`."""
