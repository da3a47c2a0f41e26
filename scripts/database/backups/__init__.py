"""Backups: creation, proof, storage, retention."""
