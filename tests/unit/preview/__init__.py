"""Previews over fakes."""
