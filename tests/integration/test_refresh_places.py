"""`db.refresh`: a value in any place that can hold text does not arrive, or stops the refresh."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.integration.desk import Call, Desk
from tests.support import plants, skips
from tests.support.refreshes import TO

pytestmark = [pytest.mark.timeout(900), skips.LONG]
# what each place is called where a refresh names it
NAMES = {
    "domain_default": "domain kept.d1", "domain_check": "domain kept.d2", "enum": "type kept.label",
    "default": "table kept.t", "generated": "table kept.t", "check": "table kept.t",
    "bound": "table attach kept.p1", "table_name": "table whose name is one", "column_name": "table kept.t",
    "index": "index kept.partial", "index_expression": "index kept.expression",
    "statistics": "statistics kept.stats", "function": "function kept.body()",
    "argument": "function kept.argument(text)", "setting": "function kept.setting()",
    "procedure": "procedure kept.proc()", "view": "view kept.v", "matview": "materialized view kept.m",
    "policy": "policy kept.t pol", "policy_name": "policy whose name is one",
    "storage_policy": "policy storage.objects kept_objects", "trigger": "trigger kept.t tr",
    "trigger_argument": "trigger kept.t tr2", "rule": "rule kept.t ru",
    "publication": "publication table kept.kept_pub t", "sequence": "sequence whose name is one",
    "attribute": "type kept.comp",
}  # fmt: skip


def dumped(desk: Desk, environment: str) -> str:
    """Schema and rows, as pg_dump tells them to the server's administrator: an independent witness."""
    server = desk.world.postgres
    name = desk.world.environment(environment).database_url.rpartition("/")[2]
    url = f"postgresql://supabase_admin:{server.admin_password}@127.0.0.1:{server.port}/{name}"
    done = subprocess.run(
        [server.bin / "pg_dump", "--inserts", url], capture_output=True, text=True, check=True
    )
    views = desk.sql(environment, "select t from plant.counted") if "plant.counted" in done.stdout else []
    vault = desk.sql(environment, "select secret from vault.secrets")  # an extension's: not dumped
    said = [line for line in done.stdout.splitlines() if "restrict " not in line]  # a token of its own
    return "\n".join([*said, str(views), str(vault)])


def run(desk: Desk, script: str, *environments: str) -> None:
    """As the server's administrator; tables of the team's belong to `postgres`."""
    for environment in environments:
        name = desk.world.environment(environment).database_url.rpartition("/")[2]
        with desk.world.postgres.connect(name) as admin:
            admin.execute(script.encode())


@pytest.fixture(scope="module")
def refreshing(desk: Desk) -> Iterator[Desk]:
    """All three are live, and production is full of plants; its rules are the desk's own proposals."""
    assert desk("deploy", "--env", "development", "--wait").code in (0, 1)
    for step in (("promote", "--to", "staging"), ("promote", "--to", "production", "--yes")):
        call = desk(*step)
        assert call.code == 0, call.err
    rules = desk.world.env_dir / "masking.toml"
    before = rules.read_text()
    history = "select version, statements from supabase_migrations.schema_migrations order by 1 limit 1"
    ((version, statements),) = desk.sql("production", history)
    desk.sql("production", plants.planted(plants.REPLACED))
    run(desk, plants.IDENTITIES, "production", "staging")
    run(desk, plants.planted(plants.PLATFORM), "production")
    try:
        yield desk
    finally:
        rules.write_text(before)
        run(desk, plants.TIDY, "production", "staging")
        import psycopg

        with psycopg.connect(desk.world.environment("production").database_url, autocommit=True) as session:
            session.execute(
                "update supabase_migrations.schema_migrations set statements = %s where version = %s",
                [statements, version],
            )


def refused(desk: Desk) -> Call:
    call = desk(*TO)
    assert call.code == 1, call.err
    return call


def test_the_proposed_rules_can_be_pasted(refreshing: Desk) -> None:
    """Each column without a rule is named; with the proposed lines the plan goes through."""
    call = refused(refreshing)
    assert "`plant.kinds.telefon` (bigint) has no rule" in call.document["message"]
    assert "`plant.kinds.id`" not in call.document["message"]

    lines = str(call.document["hint"]).partition("\n")[2]
    rules = refreshing.world.env_dir / "masking.toml"
    # a check that no made-up text would pass: here a person looks at the line
    lines = lines.replace('"mail" = "keep"', '"mail" = "fake email"')
    rules.write_text(rules.read_text() + "\n" + re.sub(r'"(fee|day)" = .*', r'"\1" = "keep"', lines) + "\n")
    plan = refreshing("db.refresh", "--to", "staging", "--plan")
    assert plan.code == 0, plan.err


def test_no_value_arrives_from_any_place(refreshing: Desk) -> None:
    """Rows of every type, keys, comments, the history, accounts, and the platform's own tables."""
    backup = refreshing("backup", "--env", "production")
    assert backup.code == 0, backup.err
    call = refreshing(*TO)
    assert call.code == 0, call.err
    there, here = dumped(refreshing, "production"), dumped(refreshing, "staging")
    names = plants.places(plants.REPLACED, plants.PLATFORM)
    told = {name: plants.address(name) for name in names}
    told["bytes"] = told["bytes"].encode().hex()

    assert [name for name, value in told.items() if value not in there] == []
    assert [name for name, value in told.items() if value in here] == []
    assert "leak.example" not in here.lower()
    assert "33612345678" not in here
    assert [(1,)] == refreshing.sql(
        "staging", "select count(*) from plant.orders join plant.people using (email)"
    )
    assert refreshing("db.status", "--env", "staging").code == 0


def test_a_value_that_can_not_be_replaced_stops_it(refreshing: Desk) -> None:
    """Each place of the schema is named, and no value; staging stays as it is."""
    refreshing.sql(
        "production",
        plants.planted(plants.REFUSED),
    )
    backup = refreshing("backup", "--env", "production")
    assert backup.code == 0, backup.err
    before = dumped(refreshing, "staging")
    lines = str(refused(refreshing).document["hint"]).partition("\n")[2]
    rules = refreshing.world.env_dir / "masking.toml"
    rules.write_text(f"{rules.read_text()}\n{lines}\n")
    call = refused(refreshing)
    message = call.document["message"]

    assert sorted(NAMES) == plants.places(plants.REFUSED)
    assert [name for name, place in NAMES.items() if f"`{place}` holds" not in message] == []
    assert "leak.example" not in call.err + call.out
    assert dumped(refreshing, "staging") == before
