"""Secrets: what is one, and the checks, scans, diffs and pushes of environment variables."""
