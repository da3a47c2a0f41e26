"""Unit tests of `scripts/replit`."""
