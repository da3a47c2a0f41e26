"""The database: migrations, backups, restores, refreshes, and PostgreSQL itself."""
