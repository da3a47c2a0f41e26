"""Setting a desk up."""
