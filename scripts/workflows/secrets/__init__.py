"""`env.*`: looking at configurations and bundles."""
