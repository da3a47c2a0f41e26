"""Journeys against an environment, for `invoke test-e2e`; not part of the desk's own tests."""
