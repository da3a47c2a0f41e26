"""Unit tests of `scripts/database/refresh`."""
