"""Mirrors `scripts/workflows`."""
