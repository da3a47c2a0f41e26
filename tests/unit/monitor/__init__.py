"""Unit tests of `scripts/monitor`."""
