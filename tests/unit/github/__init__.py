"""Unit tests of `scripts/github`."""
