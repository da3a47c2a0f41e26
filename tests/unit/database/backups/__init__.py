"""Unit tests of `scripts/database/backups`."""
