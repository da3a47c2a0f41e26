"""Releases: deploy, promote, rollback, resume, hotfix, drill, freeze, status."""
