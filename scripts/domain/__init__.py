"""WHAT IS TRUE: pure functions and frozen values; no I/O, no clock, no environment."""
