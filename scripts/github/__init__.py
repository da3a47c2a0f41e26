"""GitHub: one client, and what its branch protection says."""
