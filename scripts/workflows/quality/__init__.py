"""The proofs of quality: tests and checks."""
