"""Unit tests of `scripts/database/adopt`."""
