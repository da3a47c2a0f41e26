"""Fakes for unit tests; `tests/contract/test_fakes.py` holds them to the real parts."""
