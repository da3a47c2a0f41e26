"""Every entry of an archive finds its list, and one that finds none fails the backup."""

from __future__ import annotations

import pytest

from scripts.database.backups import toc
from scripts.database.postgres.archive_toc import Entry

LISTING = """;
; Archive created at 2026-11-23 18:17:32 UTC
;     Format: CUSTOM
;
11; 2615 16406 SCHEMA - auth supabase_auth_admin
14; 2615 16554 SCHEMA - billing postgres
2816; 0 0 ACL - SCHEMA billing postgres
2819; 0 0 ACL - SCHEMA public pg_database_owner
5; 3079 16604 EXTENSION - citext 
2824; 0 0 COMMENT - EXTENSION "uuid-ossp" 
2591; 2605 16712 CAST - CAST (billing.k AS integer) 
279; 1255 16507 FUNCTION auth email() supabase_auth_admin
281; 1255 16592 FUNCTION public ok(text, integer) postgres
228; 1259 16489 TABLE auth users supabase_auth_admin
2832; 0 0 SEQUENCE OWNED BY billing inv_id_seq postgres
2595; 0 0 TABLE ATTACH public p1 postgres
2796; 0 16489 TABLE DATA auth users supabase_auth_admin
2799; 0 16489 TABLE DATA auth schema_migrations supabase_auth_admin
2795; 0 16489 TABLE DATA cron job postgres
2800; 0 16541 TABLE DATA public t postgres
2805; 0 16597 TABLE DATA supabase_migrations schema_migrations postgres
2841; 0 0 SEQUENCE SET public t_id_seq postgres
2639; 2620 16591 TRIGGER auth users on_auth_user_created supabase_auth_admin
2637; 2606 16549 FK CONSTRAINT public t t_uid_fkey postgres
2793; 3256 16594 POLICY public t x y postgres
2842; 0 0 COMMENT public POLICY "x y" ON t postgres
2792; 3256 16593 POLICY storage objects my own objects supabase_storage_admin
2794; 6104 16488 PUBLICATION - supabase_realtime postgres
2803; 6106 16595 PUBLICATION TABLE public supabase_realtime t postgres
2226; 826 16410 DEFAULT ACL public DEFAULT PRIVILEGES FOR SEQUENCES postgres
2225; 826 16411 DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES supabase_admin
2804; 0 16573 MATERIALIZED VIEW DATA public mv postgres
3000; 2615 17000 SCHEMA - desk_aside_1_public postgres
3001; 0 17001 TABLE DATA desk_aside_1_public t postgres
3002; 3466 17002 EVENT TRIGGER - pgrst_ddl_watch supabase_admin
"""  # noqa: W291 - as pg_restore writes it


def names(chosen: tuple[Entry, ...]) -> list[str]:
    """The entries, shortly."""
    return [f"{each.kind} {each.tag}" for each in chosen]


def test_every_entry_has_its_place() -> None:
    """The app's own, its people's rows, what hangs on the platform, the database's, and the platform's."""
    lists = toc.classify(toc.parse_listing(LISTING))

    assert ["TABLE DATA users"] == names(lists.users)
    assert ["TRIGGER", "POLICY", "PUBLICATION TABLE"] == [each.kind for each in lists.extras]
    assert ["ACL", "EXTENSION", "COMMENT", "PUBLICATION"] == [each.kind for each in lists.database]
    assert ("public", "billing", "supabase_migrations") == lists.schemas
    assert ("public.t", "supabase_migrations.schema_migrations") == lists.tables
    assert () == lists.unknown
    left = {str(each.entry).split()[0]: each.why for each in lists.left_out}
    assert {"SCHEMA", "FUNCTION", "TABLE", "DEFAULT", "EVENT"} == set(left)


def test_nothing_is_lost_or_doubled() -> None:
    """Each line of the listing is in exactly one list."""
    found = toc.parse_listing(LISTING)
    lists = toc.classify(found)
    left = tuple(each.entry for each in lists.left_out)
    placed = [*lists.app, *lists.users, *lists.extras, *lists.database, *left, *lists.unknown]

    assert len(found) == 31
    assert sorted(each.line for each in found) == sorted(each.line for each in placed)
    assert list(lists.app) == [each for each in found if each in lists.app]


@pytest.mark.parametrize(
    "line",
    [
        "9; 1259 1 TABLE auth mine postgres",  # the app's own thing in a schema that is not restored
        "9; 1 1 SOMETHING NEW public x postgres",
        "no line of a listing at all",
        "9; 2612 1 PROCEDURAL LANGUAGE - plv8 postgres",
    ],
)
def test_what_fits_nowhere_is_unknown(line: str) -> None:
    """Deny by default."""
    (entry,) = toc.classify(toc.parse_listing(line)).unknown

    assert line == entry.line


def test_large_objects_have_a_list_of_their_own() -> None:
    """As each version writes them, with grants and comments."""
    listing = [
        "1; 2613 1 BLOB - 4242 postgres",
        "2; 0 0 BLOBS - BLOBS ",
        "3; 0 0 BLOB METADATA - 7 postgres",
    ]
    listing += ["4; 0 0 ACL - LARGE OBJECT 7 postgres", "5; 0 0 COMMENT - LARGE OBJECT 7 postgres"]
    lists = toc.classify(toc.parse_listing("\n".join(listing)))

    assert len(lists.large_objects) == len(lists.order) == 5


def test_casts_between_types_of_an_earlier_restore_are_left_out() -> None:
    """They belong to the schemas that were moved aside, as their comments do."""
    listing = (
        "1; 1 1 CAST - CAST (text AS public.a) \n2; 1 1 CAST - CAST (text AS desk_aside_1_public.a) \n"
    )
    listing += "3; 0 0 COMMENT - CAST (text AS desk_aside_1_public.a) \n"
    lists = toc.classify(toc.parse_listing(listing))

    assert [entry.tag for entry in lists.app] == ["CAST (text AS public.a)"]
    assert {omitted.why for omitted in lists.left_out} == {"replaced by an earlier restore"}


@pytest.mark.parametrize(
    ("function", "apps"), [("public.f", True), ('"my schema".f', True), ("extensions.f", False)]
)
def test_an_event_trigger_belongs_to_whom_its_function_belongs(function: str, apps: bool) -> None:
    """Whoever owns it."""
    sql = f"CREATE EVENT TRIGGER watch ON ddl_command_end\n   EXECUTE FUNCTION {function}();"
    lists = toc.classify([Entry("1;", "EVENT TRIGGER", "", "watch", "supabase_admin", sql)])

    assert len(lists.extras) == apps


def test_a_new_schema_is_the_apps() -> None:
    """Nobody has to list it somewhere."""
    lists = toc.classify(toc.parse_listing("9; 2615 1 SCHEMA - reports postgres\n"))

    assert ("public", "reports") == lists.schemas


def test_the_list_goes_back_as_it_came() -> None:
    """`pg_restore -L` knows its own lines again."""
    found = toc.parse_listing(LISTING)

    assert [line for line in LISTING.splitlines() if line[0] != ";"] == toc.list_text(found).splitlines()


def test_schemas_of_the_app() -> None:
    schemas = ["public", "billing", "supabase_migrations", "auth", "pg_toast", "desk_aside_1_public"]
    assert [toc.is_app_schema(schema) for schema in schemas] == [True, True, True, False, False, False]


FOREIGN = """1; 3079 1 EXTENSION - citext 
2; 3079 1 EXTENSION - pg_graphql 
3; 0 0 COMMENT - EXTENSION pg_graphql 
4; 2615 1 SCHEMA - auth supabase_auth_admin
5; 1259 1 TABLE auth users supabase_auth_admin
6; 0 1 TABLE DATA auth users supabase_auth_admin
7; 1259 1 TABLE cron job supabase_admin
8; 1259 1 TABLE public t postgres
9; 3466 1 EVENT TRIGGER - watch postgres
10; 0 0 COMMENT - EVENT TRIGGER watch postgres
11; 2620 1 TRIGGER auth users on_user supabase_auth_admin
12; 1417 1 SERVER - elsewhere postgres
13; 2620 1 TRIGGER vault secrets x postgres
"""  # noqa: W291 - as pg_restore writes it


def scratch_ids(*, superuser: bool) -> list[int]:
    lists = toc.classify(toc.parse_listing(FOREIGN))
    return [
        int(entry.line.split(";")[0])
        for entry in toc.for_scratch_server(lists, {"citext"}, superuser=superuser)
    ]


def test_a_scratch_server_gets_what_it_supports() -> None:
    """The platform's tables that the app depends on too; event triggers need a superuser."""
    assert scratch_ids(superuser=True) == [1, 4, 5, 6, 8, 9, 10, 11]
    assert scratch_ids(superuser=False) == [1, 4, 5, 6, 8, 11]


def test_what_exists_outside_of_schemas_is_not_created_again() -> None:
    listing = [
        "1; 3079 1 EXTENSION - citext ",
        '2; 0 0 COMMENT - EXTENSION "uuid-ossp" ',
        "3; 6104 1 PUBLICATION - other postgres",
        "4; 2615 1 SCHEMA - public postgres",
        "5; 0 0 ACL - SCHEMA public postgres",
        "6; 826 1 DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES postgres",
    ]
    installed = {"EXTENSION citext", "EXTENSION uuid-ossp"}
    exists = [toc.exists(entry, installed) for entry in toc.parse_listing("\n".join(listing))]

    assert exists == [True, True, False, False, False, True]


def test_an_entry_is_shown_without_its_numbers() -> None:
    entry, unreadable = toc.parse_listing("9; 1259 1 TABLE public t postgres\nnonsense\n")
    assert (str(entry), str(unreadable)) == ("TABLE public t postgres", "nonsense")
