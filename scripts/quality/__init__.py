"""Proofs: browser tests, load tests, approvals, and the gates that demand them."""
