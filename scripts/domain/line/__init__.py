"""The chain of branches: how it is stopped, and how its branches meet again."""
