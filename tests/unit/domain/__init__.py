"""Mirrors `scripts/domain`."""
