"""Unit tests of `scripts/database/postgres`."""
