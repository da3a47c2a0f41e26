"""What an archive is made of, what it leaves out on purpose, and what no archive can hold. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.domain.database.manifest import LeftOut
from scripts.domain.database.toc import BOOKKEEPING, USERS, Lists, is_apps

DUMP, LISTS, SCHEMA, ROLES, EXTRAS = "db.dump", "restore.json", "schema.json", "roles.sql", "extras.sql"
NAMES = (DUMP, LISTS, SCHEMA, ROLES, EXTRAS)
SEALED = ".age"  # what an encrypted file's name ends with

# Rows that are not even dumped: patterns of pg_dump, each with its reason.
DENIED = {
    "vault.*": "secrets are encrypted with a key that leaves the project with nobody",
    "pgsodium.*": "keys of the project",
    "pgsodium_masks.*": "keys of the project",
    "cron.job_run_details": "a log of runs",
    "net.*": "requests under way and their answers: they must not be sent again",
    "realtime.messages*": "messages of the moment, gone after three days",
    "_realtime.*": "the platform's own state",
    "_analytics.*": "the platform's own logs",
    "supabase_functions.hooks": "a log of webhooks",
}
# What no dump of a hosted project holds, whatever its options are.
IMPOSSIBLE = (
    LeftOut("passwords of roles", "only a superuser can read them: set them anew after a restore"),
    LeftOut("files in Storage buckets", "the database holds their rows alone: copy the buckets apart"),
    LeftOut("secrets of Vault and edge functions", "they are encrypted with the project's own key"),
    LeftOut("settings of the project", "auth providers, SMTP, API and network settings are no part of it"),
    LeftOut("replication slots and subscriptions", "they belong to one server"),
)


def has_rows(schema: str, table: str) -> bool:
    """Whether the rows of a table are brought back by a restore, and so are counted and compared."""
    return is_apps(schema) or (schema in USERS and (schema, table) not in BOOKKEEPING)


def left_out(lists: Lists) -> tuple[LeftOut, ...]:
    """All that is missing after a restore, with the reason; entries of one reason in one line."""
    reasons: dict[str, list[str]] = {}
    for each in lists.left_out:
        reasons.setdefault(each.why, []).append(each.entry.schema or each.entry.kind.lower())
    entries = (
        LeftOut(f"{len(names)} entries of {', '.join(sorted(set(names)))}", why)
        for why, names in sorted(reasons.items())
    )
    denied = (LeftOut(f"rows of {pattern}", why) for pattern, why in DENIED.items())
    return (*IMPOSSIBLE, *denied, *entries)


def forgotten(lists: Lists, tables: Sequence[str]) -> list[str]:
    """The tables that were read, but whose rows no restore of this dump would bring; [] as it should be."""
    kinds = ("TABLE DATA", "MATERIALIZED VIEW DATA")
    dumped = {f"{each.schema}.{each.tag}" for each in (*lists.app, *lists.users) if each.kind in kinds}
    return sorted(set(tables) - dumped)
