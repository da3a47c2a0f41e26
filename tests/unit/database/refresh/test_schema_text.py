"""The SQL of a schema, entry by entry: private comments are left out, everything else is searched."""

from __future__ import annotations

from scripts.database.postgres.archive_toc import Entry
from scripts.database.refresh.schema_text import private_comments, search_schema
from scripts.database.refresh.search import Search

GREET = "CREATE FUNCTION public.greet(who text) RETURNS text AS $$ select 'marie@sorbonne.fr' $$;"
ENTRIES = (
    Entry("1", "FUNCTION", "public", "greet(text)", "postgres", GREET),
    Entry("2", "PUBLICATION", "", "realtime", "postgres", "CREATE PUBLICATION realtime;"),
    Entry("3", "TABLE", "public", "log_marie@sorbonne.fr", "postgres", "CREATE TABLE x (id int);"),
    Entry("4", "ACL", "public", "TABLE t", "marie@sorbonne.fr", "GRANT SELECT ON TABLE public.t TO a;"),
)


def comment(text: str) -> Entry:
    return Entry(text, "COMMENT", "public", "COLUMN t.c", "", f"COMMENT ON COLUMN public.t.c IS {text};\n")


def test_the_place_of_a_leak_is_named_unless_its_name_is_one() -> None:
    search = Search("example.invalid", [])
    search_schema(search, ENTRIES)

    assert list(search.leaks()) == [
        "`function public.greet(text)` holds 1 addresses outside `example.invalid`",
        "`table whose name is one` holds 1 addresses outside `example.invalid`",
        "`acl whose name is one` holds 1 addresses outside `example.invalid`",
    ]


def test_comments_that_no_migration_holds_are_private() -> None:
    """Whatever quotes, lines and backslashes they have."""
    texts = ["'it''s known'", "'ask Marie\nCurie'", "E'a \\\\ b'", "'known too'", "null"]
    entries = [comment(text) for text in texts]
    public = ["comment on column t.c is 'it''s known';", "-- known too"]

    assert private_comments(entries, public) == {entries[1], entries[2], entries[4]}
    assert private_comments(entries[2:3], ["is E'a \\ b'"]) == frozenset()
