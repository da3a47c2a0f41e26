"""Unit tests of `scripts/database/sql`."""
