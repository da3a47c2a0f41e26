"""SQL, read with PostgreSQL's own parser."""
