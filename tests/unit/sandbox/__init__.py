"""Mirrors `scripts/sandbox`."""
