"""Unit tests of `scripts/database/migrations`."""
