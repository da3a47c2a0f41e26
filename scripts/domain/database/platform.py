"""What Supabase brings into each database: schemas and extensions that no migration of the team's makes."""

from __future__ import annotations

SCHEMAS = tuple(
    """information_schema supabase_migrations supabase_functions auth storage realtime _realtime extensions
    vault graphql graphql_public pgbouncer net cron pgsodium pgsodium_masks pgtle repack pgmq _analytics
    _supavisor _supabase""".split()
)
EXTENSIONS = tuple(
    "plpgsql pgcrypto uuid-ossp pg_stat_statements pgjwt pg_graphql supabase_vault pgsodium pg_net".split()
)
