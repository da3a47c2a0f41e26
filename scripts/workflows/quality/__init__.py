"""The proofs of quality: tests, checks, approvals."""
