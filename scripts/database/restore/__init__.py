"""Restores: whole databases, or the touched tables alone."""
