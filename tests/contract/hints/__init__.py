"""Hints: every command that the desk prints can be typed, and leads to a good end."""
