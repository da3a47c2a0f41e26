"""The world on one machine: up, down, and its story."""
