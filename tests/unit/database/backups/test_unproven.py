"""What depends on extensions that a server lacks, by an archive's own record of dependencies."""

from __future__ import annotations

import pytest

from scripts.database.backups import toc
from scripts.database.backups.unproven import Foreseen, Unproven
from scripts.database.postgres.archive_toc import Entry


def entry(number: int, kind: str, schema: str, tag: str, *needs: int) -> Entry:
    """An entry of an archive."""
    line = f"{number}; 0 0 {kind} {schema or '-'} {tag} postgres"
    return Entry(line, kind, schema, tag, "postgres", "", tuple(map(str, needs)))


ENTRIES = (
    entry(1, "EXTENSION", "", "vector"),
    entry(2, "EXTENSION", "", "pg_graphql"),
    entry(3, "EXTENSION", "", "pgcrypto"),
    entry(4, "COMMENT", "", "EXTENSION vector", 1),
    entry(10, "TABLE", "public", "docs", 1),
    entry(11, "TABLE", "public", "notes"),
    entry(12, "SEQUENCE", "public", "docs_id_seq", 10),
    entry(13, "VIEW", "public", "Nearest One", 1, 10),
    entry(14, "FUNCTION", "public", "match(extensions.vector, integer)", 1),
    entry(15, "DEFAULT", "public", "docs id", 10, 12),
    entry(20, "TABLE DATA", "public", "docs", 10),
    entry(21, "TABLE DATA", "public", "notes", 11),
    entry(30, "CONSTRAINT", "public", "docs docs_pkey", 10),
    entry(31, "FK CONSTRAINT", "public", "notes notes_doc_fkey", 30, 10, 11),
    entry(32, "POLICY", "public", "docs own rows", 10),
    entry(33, "ACL", "public", "TABLE docs", 10),
)
LISTS = toc.classify(ENTRIES)
AVAILABLE = ("pgcrypto", "plpgsql")


def test_what_depends_on_a_missing_extension_is_not_proven() -> None:
    """Over any number of steps; one that nothing needs takes nothing along."""
    found = Unproven.of(LISTS, AVAILABLE)

    assert found.extensions == ("vector", "pg_graphql")
    assert found.needed == ("vector",)
    assert found.tables == {"public.docs"}
    assert list(found.things()) == [
        "table public.docs",
        "sequence public.docs_id_seq",
        "view public.Nearest One",
        "function public.match(extensions.vector, integer)",
        "default public.docs id",
        "constraint public.docs docs_pkey",
        "fk constraint public.notes notes_doc_fkey",
        "policy public.docs own rows",
    ]
    assert found.hides_sequence("public.docs_id_seq")


def test_a_server_that_has_them_shows_everything() -> None:
    found = Unproven.of(LISTS, (*AVAILABLE, "vector", "pg_graphql"))

    assert (found.extensions, found.own, list(found.things())) == ((), (), [])
    assert not found.hides("table public.docs: r p")


@pytest.mark.parametrize(
    "line",
    [
        "column public.docs.embedding: extensions.vector",
        "table public.docs: r p row security",
        "grants on public.docs: anon=r/postgres",
        "owner of table public.docs: postgres",
        "constraint docs_pkey on public.docs: PRIMARY KEY (id)",
        "index public.docs_pkey: CREATE UNIQUE INDEX docs_pkey ON public.docs (id)",
        "constraint notes_doc_fkey on public.notes: FOREIGN KEY (doc) REFERENCES public.docs(id)",
        'policy "own rows" on public.docs: PERMISSIVE {public} SELECT true',
        'view public."Nearest One": v p n SELECT 1',
        "function public.match(extensions.vector, integer): CREATE FUNCTION",
    ],
)
def test_lines_about_them_are_hidden(line: str) -> None:
    assert Unproven.of(LISTS, AVAILABLE).hides(line)


@pytest.mark.parametrize(
    "line",
    [
        "table public.docs_old: r p",
        "column public.notes.doc: integer",
        "table other.docs: r p",
        "constraint notes_pkey on public.notes: PRIMARY KEY (id)",
        "function public.match(integer): CREATE FUNCTION",
        "view public.readers: v p n SELECT id FROM public.docs",
    ],
)
def test_other_lines_are_compared(line: str) -> None:
    assert not Unproven.of(LISTS, AVAILABLE).hides(line)


def test_what_a_proof_will_lack_is_told_with_the_way_to_a_whole_one() -> None:
    """A server of the team's first, then the packages that are known."""
    found = Foreseen(("vector", "pg_net"), ("table public.docs",), 17)

    assert str(found).startswith("the scratch server lacks `vector`, `pg_net`: all is compared but what")
    assert str(found).endswith("needs that:\n  | table public.docs")
    assert found.remedy == (
        "name a server that has them in `SCRATCH_DATABASE_URL`; or"
        " `apt-get install postgresql-17 postgresql-17-pgvector`"
    )
    assert "apt-get" not in Foreseen(("pg_net",), (), 17).remedy
