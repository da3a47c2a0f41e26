"""Replit: the workspace over ssh, and Publish."""
