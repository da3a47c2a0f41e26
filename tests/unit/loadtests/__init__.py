"""Unit tests of `loadtests`, as far as they need no Locust."""
