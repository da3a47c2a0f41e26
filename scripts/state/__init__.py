"""Shared state in the git remote: refs, ledger, lock, runs, the atomic push."""
