"""Migrations: files, verdicts, rehearsals, drift."""
