"""Tests of that wing."""
