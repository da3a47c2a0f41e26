"""Branches: alignment, back-merges."""
