"""Unit tests of `scripts/quality/e2e`."""
