"""What Supabase brings into each database, that no migration of the team's makes."""

from __future__ import annotations

from scripts.domain.database import toc

SCHEMAS = (*sorted(toc.PLATFORM), "supabase_migrations")
EXTENSIONS = tuple(
    "plpgsql pgcrypto uuid-ossp pg_stat_statements pgjwt pg_graphql supabase_vault pgsodium pg_net".split()
)
