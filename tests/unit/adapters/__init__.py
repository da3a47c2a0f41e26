"""Mirrors `scripts/adapters`."""
