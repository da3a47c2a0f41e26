"""Unit tests of `scripts/quality/app_tests`."""
