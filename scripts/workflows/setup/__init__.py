"""Setting a desk up: `doctor`, `init`."""
