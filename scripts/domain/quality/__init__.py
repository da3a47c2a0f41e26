"""What proves that a commit is good enough."""
