"""Fakes for unit tests: a git remote, a driver, a database, a clock. `tests/contract/test_fakes.py` holds them to the real parts."""
