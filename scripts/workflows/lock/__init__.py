"""Who may change an environment: shown, and taken from a dead run."""
