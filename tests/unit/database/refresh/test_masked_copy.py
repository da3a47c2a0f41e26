"""What of a backup a masked copy holds, and what of it is searched."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest

from scripts.database.backups import toc
from scripts.database.refresh import masked_copy
from scripts.database.refresh.load import Copied
from scripts.database.refresh.rules import Column, Rules
from scripts.errors import Refused

LISTING = (
    "1; 0 0 TABLE public t postgres",
    "2; 0 0 COMMENT public COLUMN t.c postgres",
    "3; 0 0 COMMENT public TABLE t postgres",
    "4; 0 0 COMMENT - SCHEMA public pg_database_owner",
    "5; 0 0 COMMENT - EXTENSION citext ",
    "6; 0 0 TABLE DATA public t postgres",
    "7; 0 0 TABLE DATA auth users supabase_auth_admin",
    "8; 0 0 TABLE DATA auth sessions supabase_auth_admin",
    "9; 0 0 TABLE DATA storage objects supabase_storage_admin",
    "10; 0 0 SEQUENCE SET public s postgres",
    "11; 0 0 TABLE DATA supabase_migrations schema_migrations postgres",
)
ENTRIES = toc.parse_listing("\n".join(LISTING))


def test_a_column_without_a_rule_is_refused() -> None:
    """Default deny, with a rule to paste."""
    with pytest.raises(Refused, match=r"`public\.t\.c` \(text\) has no rule") as error:
        masked_copy.refuse(Rules(), (Column("public.t", "c", "text"),))

    assert tomllib.loads(str(error.value.hint).partition(":\n")[2]) == {
        "tables": {"public.t": {"c": "fake text"}}
    }


def test_a_rule_that_can_not_work_is_refused_without_lines_to_paste() -> None:
    rules = Rules(tables={"public.t": {"c": "scrub"}})
    with pytest.raises(Refused, match="is for json") as error:
        masked_copy.refuse(rules, (Column("public.t", "c", "text"),))

    assert error.value.hint == "change those rules in `masking.toml`"


def test_rows_of_the_platform_are_left_out() -> None:
    """But for accounts: no sessions, no objects."""
    loaded = [entry.line.partition(";")[0] for entry in ENTRIES if masked_copy._is_loaded(entry)]

    assert loaded == ["6", "7", "10", "11"]


def test_comments_of_the_platform_stay() -> None:
    """Those of the app stay if a migration holds them."""
    texts = {1: "known", 2: "about Marie", 3: "standard public schema", 4: "case-insensitive text"}
    entries = [
        replace(entry, sql=f"COMMENT ON X IS '{texts[place]}';\n") if place in texts else entry
        for place, entry in enumerate(ENTRIES)
    ]
    kept = masked_copy._public_entries(entries, ["comment on column t.c is 'known'"])

    assert [entry for entry in entries if entry not in kept] == [entries[2]]


def test_columns_that_may_hold_words_are_searched() -> None:
    """Those that are kept, in part or as a whole; of a table that no rule covers, all."""
    kinds = {
        "a": ("text", "keep"),
        "b": ("text", "hash"),
        "c": ("jsonb", "scrub"),
        "d": ("integer", "keep"),
    }
    kinds |= {"e": ("text", "truncate 9"), "f": ("uuid", ""), "g": ("text[]", "keep"), "h": ("box", "keep")}
    columns = {f"public.t.{name}": Column("public.t", name, kind) for name, (kind, _) in kinds.items()}
    rules = Rules(tables={"public.t": {name: rule for name, (_, rule) in kinds.items() if rule}})

    assert masked_copy._unmasked(Copied("public.t", tuple(kinds), ""), columns, rules) == [0, 2, 4, 6, 7]
    assert masked_copy._unmasked(Copied("auth.users", ("id", "email"), ""), columns, rules) == [0, 1]
