"""Which roles an archive needs on a scratch server, and how scratch databases are named."""

from __future__ import annotations

from scripts.database.postgres import scratch

ODD = '"odd ""name"""'
SCRIPT = f"""
CREATE TABLE public.t (a int); -- FROM nobody
GRANT SELECT ON TABLE public.t TO anon, {ODD} WITH GRANT OPTION;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA public GRANT ALL ON TABLES TO reader;
CREATE POLICY p ON public.t FOR SELECT TO authenticated USING (true);
ALTER TABLE public.t OWNER TO app_owner;
"""  # noqa: S608 - constants only


def test_the_roles_of_a_schema_are_found() -> None:
    assert scratch.roles_in(SCRIPT) == {
        *("anon", 'odd "name"', "owner", "reader", "authenticated", "app_owner"),
    }


def test_names_of_scratch_databases_tell_their_owner() -> None:
    databases = scratch.ScratchDatabases(None, "a1b2", None)  # type: ignore[arg-type]
    name = databases.full_name("work")
    match = scratch.NAME.fullmatch(name)

    assert name == "release_desk_scratch_a1b2_work"
    assert match
    assert match[1] == "a1b2"
    assert scratch.NAME.fullmatch("release_desk_scratch_") is None
