"""Setting a desk up: what a healthy one looks like, and what a new one is made of."""
