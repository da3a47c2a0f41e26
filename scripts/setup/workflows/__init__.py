"""Workflows for GitHub Actions, written into the app's repository."""
