"""Files of a migrations folder that the Supabase CLI skips or misreads, and what fixes them."""

from __future__ import annotations

import pytest

from scripts.database.migrations import source

V = "20261201000015"
NEXT = "20261201000016"  # the first free version after the newest one
NOW = "2026-01-01T00:00:00+00:00"
M, R = "supabase/migrations", "supabase/rollbacks"

# the name -> a part of what is said, and where it should go ("" where only a person can tell)
MISNAMED = {
    f"{V}-dash.sql": ("no `_` follows its version", f"{M}/{V}_dash.sql"),
    f"{V}.sql": ("no `_` follows its version", f"{M}/{V}_migration.sql"),
    f"{V} blank.sql": ("no `_` follows its version", f"{M}/{V}_blank.sql"),
    f"{V}_x.SQL": ("does not end with `.sql`", f"{M}/{V}_x.sql"),
    f"{V}_x.Sql": ("does not end with `.sql`", f"{M}/{V}_x.sql"),
    f"{V}_x.psql": ("does not end with `.sql`", f"{M}/{V}_x.sql"),
    f"{V}_x": ("does not end with `.sql`", f"{M}/{V}_x.sql"),
    f"{V}_x.sql.bak": ("does not end with `.sql`", f"supabase/{V}_x.sql.bak"),
    f"{V}_x.sql.disabled": ("does not end with `.sql`", f"supabase/{V}_x.sql.disabled"),
    f"{V}_x.sql ": ("blanks around its name", f"{M}/{V}_x.sql"),
    f" {V}_x.sql": ("blanks around its name", f"{M}/{V}_x.sql"),
    f"app/{V}_x.sql": ("does not look into folders", f"{M}/{V}_x.sql"),
    f"{V}_x.sql/up.sql": (f"`{V}_x.sql` is a folder", f"{M}/{NEXT}_up.sql"),
    f"{V}_x/up.sql": ("does not look into folders", f"{M}/{NEXT}_up.sql"),
    f"{V}_x.sql/.gitkeep": (f"`{V}_x.sql` is a folder", "supabase/.gitkeep"),
    "x.sql": ("does not begin with a version", f"{M}/{NEXT}_x.sql"),
    "V1__x.sql": ("does not begin with a version", f"{M}/{NEXT}_V1__x.sql"),
    f"_{V}_x.sql": ("does not begin with a version", f"{M}/{NEXT}_{V}_x.sql"),
    "20261201T000030_x.sql": ("no `_` follows its version", f"{M}/20261201000030_x.sql"),
    "2026-12-01_00-00-30_x.sql": ("no `_` follows its version", f"{M}/20261201000030_x.sql"),
    "\u0662\u0660_x.sql": ("does not begin with a version", f"{M}/20_x.sql"),
    f"{V}_x.down.sql": ("it has no down scripts", f"{R}/{V}_x.sql"),
    f"{V}_x.DOWN.sql": ("it has no down scripts", f"{R}/{V}_x.sql"),
    f"{V}_x.rollback.sql": ("it has no down scripts", f"{R}/{V}_x.sql"),
    f"{V}_x.up.sql": ("no pairs of up and down", f"{M}/{V}_x.sql"),
    f"{V}_x\u200b.sql": ("can't be seen", f"{M}/{V}_x.sql"),
    "20210101000000_init.sql": ("is its own", f"{M}/20210101000000_initial.sql"),
}
WELL_NAMED = [
    f"{V}_x.sql", "001_x.sql", f"{V}_.sql", f"{V}__x.sql", f"{V}_sp ace.sql", f"{V}_ünicode.sql",
    f"{V}_a'b%.sql",
    f"{V}_x.sql.sql", f"{V}_slow_down.sql", "20211209000000_init.sql",
    "README.md", ".gitkeep", ".keep", f"{V}_notes.md", "sub/README.md", "LICENSE", "snippets/notes.txt",
]  # fmt: skip


def faults(*names: str, undo_folder: str = R) -> list[source.FileFault]:
    return list(source.name_faults(names, M, undo_folder, NOW))


@pytest.mark.parametrize("name", MISNAMED)
def test_a_misnamed_file_is_named_with_what_mends_it(name: str) -> None:
    said, place = MISNAMED[name]
    old = "20200101000000_old.sql" if "init" not in name else "20220101000000_old.sql"
    newest = f"{V}_newest.sql"
    (fault,) = faults(old, newest, name)

    assert said in fault.why
    assert fault.command.endswith(f" {source.quoted(place)}"), fault.command
    assert source.quoted(f"{M}/{name}") in fault.command


def test_what_the_cli_takes_is_no_fault() -> None:
    assert faults("20200101000000_old.sql", *WELL_NAMED) == []


def test_only_what_the_cli_would_apply_has_a_version() -> None:
    """A database that has it already is not harmed by its name."""
    found = {fault.name: fault.version for fault in faults(f"{V}_x.down.sql", f"{V}_x.SQL", "x.sql")}

    assert found == {f"{V}_x.down.sql": V, f"{V}_x.SQL": "", "x.sql": ""}


def test_names_do_not_collide() -> None:
    """Two without a version get two; one whose name is taken goes out of the folder."""
    commands = [fault.command.split()[-1] for fault in faults("a.sql", "b.sql", f"{V}_x.sql", f"{V}_x.SQL")]

    assert commands == [f"supabase/{V}_x.SQL", f"{M}/{NEXT}_a.sql", f"{M}/20261201000017_b.sql"]


def test_a_legacy_init_is_skipped_only_as_the_first() -> None:
    assert faults("20200101000000_old.sql", "20210101000000_init.sql") == []


def test_names_that_can_not_be_seen_are_shown_and_quoted() -> None:
    assert source.shown("a\u200b\n") == "a\\u200b\\n"
    assert source.quoted("a\u200b'") == "$'a\\xe2\\x80\\x8b\\x27'"


TEXTS = {
    "utf-16": ("create table x ();".encode("utf-16"), "is UTF-16"),
    "nul": (b"select 1;\0", "NUL byte"),
    "latin-1": (b"-- a\n-- caf\xe9\n", "is no UTF-8 (line 2)"),
    "lfs": (f"{source.LFS}v1\noid sha256:00\nsize 1\n".encode(), "git-lfs"),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_a_text_that_is_no_sql_is_named(kind: str) -> None:
    raw, said = TEXTS[kind]
    text = raw.decode("utf-8", "surrogateescape")
    fault = source.content_fault(f"{V}_x.sql", text, "", f"{M}/{V}_x.sql")

    assert fault is not None
    assert (said in fault.why, fault.version) == (True, V)


@pytest.mark.parametrize("text", ["", "\n", "-- nothing", "select 'é';\r\n", "\ufeffselect 1;"])
def test_a_text_that_the_cli_applies_is_no_fault(text: str) -> None:
    assert source.content_fault(f"{V}_x.sql", text, "", "x") is None


def test_a_file_without_a_text_says_why() -> None:
    fault = source.content_fault(f"{V}_x.sql", None, "is a symlink to a folder", f"{M}/{V}_x.sql")

    assert fault is not None
    assert str(fault) == f"`{V}_x.sql` is a symlink to a folder"


MARKED = {
    "\ufeffcreate table a ();": "create table a ();",
    "select 1;\n\ufeffselect 2;": "select 1;\nselect 2;",
    "\ufeff-- c\nselect '\ufeff';": "-- c\nselect '\ufeff';",
    "do $$ begin null; /* \ufeff */ end $$": "do $$ begin null; /* \ufeff */ end $$",
    "select 1": "select 1",
}


@pytest.mark.parametrize("text", MARKED)
def test_byte_order_marks_are_dropped_as_the_cli_does(text: str) -> None:
    """Outside of quotes: inside, they are data."""
    assert source.without_marks(text) == MARKED[text]
