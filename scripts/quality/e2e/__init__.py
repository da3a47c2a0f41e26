"""Browser tests of what an environment serves."""
