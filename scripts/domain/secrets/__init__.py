"""Secrets: what is one, which mistakes are made with them, and how one is found in a bundle."""
