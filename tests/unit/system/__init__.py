"""Unit tests of `scripts/system`."""
