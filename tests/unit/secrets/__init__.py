"""Unit tests of `scripts/secrets`."""
