"""Unit tests of `scripts/config`."""
