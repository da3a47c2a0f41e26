"""The face of the desk, from outside: `python -m invoke ...`."""
