"""Unit tests of `scripts/database/restore`."""
