"""Mirrors `scripts/shell`."""
