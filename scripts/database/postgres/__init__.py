"""PostgreSQL: connections, programs, dumps, content, scratch databases."""
