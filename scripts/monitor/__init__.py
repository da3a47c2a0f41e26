"""Watching: what every environment should be, looked at again and again."""
