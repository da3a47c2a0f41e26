"""`db.refresh`: nothing personal arrives, in whatever column it stood."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.desk import Desk
from tests.support import refreshes
from tests.support.refreshes import SECRETS, TO, dumped

pytestmark = pytest.mark.timeout(900)


def ask(desk: Desk, environment: str, query: str) -> list[tuple[Any, ...]]:
    return desk.sql(environment, query)


@pytest.fixture(scope="module")
def planted(desk: Desk) -> Iterator[Desk]:
    """All three are live; production has people in every kind of column, staging is one migration ahead."""
    with refreshes.planted(desk) as made:
        yield made


@pytest.fixture(scope="module")
def refreshed(planted: Desk) -> Desk:
    call = planted(*TO)
    assert call.code == 0, call.err
    assert call.document["schema"] == refreshes.AHEAD
    return planted


def test_nothing_personal_arrives(refreshed: Desk) -> None:
    """Thirteen values, each in a column of its own: all are in production, none is in staging."""
    there, here = dumped(refreshed, "production"), dumped(refreshed, "staging")

    # a generated tsvector and bytes are told in another way
    assert [each for each in SECRETS if each not in there and each != "bytes@in.here"] == []
    assert [each for each in SECRETS if each in here] == []
    assert b"bytes@in.here".hex() in there
    assert b"bytes@in.here".hex() not in here
    assert "curie" not in here.lower()
    assert [row for row in ask(refreshed, "staging", "select mail from crm.seen") if "@" in str(row)] == []


def test_shape_keys_and_uniqueness_survive(refreshed: Desk) -> None:
    """As many people, notes that find them, a JSON of the same shape, test users, and the old rows gone."""
    (found,) = ask(
        refreshed,
        "staging",
        "select count(*), count(distinct email), count(distinct login),"
        " bool_and(email like 'user-%@example.invalid') from crm.people",
    )
    assert (3, 3, 2, True) == found
    joined = "select count(*) from crm.notes n join crm.people p using (login)"
    assert ask(refreshed, "staging", joined) == [(2,)]
    assert ask(refreshed, "staging", "select count(*) from crm.notes") == [(2,)]
    shape = "select extra #>> '{a,0,n}', length(extra #>> '{a,0,mail}') from crm.people where id = 1"
    assert [("5", len("deep.in@json.fr"))] == ask(refreshed, "staging", shape)
    user = (
        "select email like '%@example.invalid', phone, encrypted_password, recovery_token,"
        " raw_user_meta_data::text"
    )
    (row,) = ask(refreshed, "staging", f"{user} from auth.users where id::text like 'c1000000%'")
    assert (True, None, "", "", "{}") == row
    assert ask(refreshed, "staging", "select 1 from pg_namespace where nspname like 'desk\\_%'") == []


def test_staging_is_ahead_exactly_as_before(refreshed: Desk) -> None:
    """Its own migration is there again, on masked data; histories and schemas agree, the lock is free."""
    assert refreshes.AHEAD in refreshed.versions("staging")
    assert refreshes.AHEAD not in refreshed.versions("production")
    assert refreshed("db.status", "--env", "staging").code == 0
    assert refreshed.refs("refs/deploy/") == {}
    assert (refreshed.ledger()[-1]["kind"], refreshed.ledger()[-1]["ending"]) == ("refresh", "done")


def test_an_unruled_new_column_stops_it(refreshed: Desk) -> None:
    """Before anything: no copy is made, staging is as it was, and the column is named."""
    before = dumped(refreshed, "staging")
    refreshed.sql("production", "alter table crm.people add column diary text")
    try:
        call = refreshed(*TO)
    finally:
        refreshed.sql("production", "alter table crm.people drop column diary")

    assert call.code == 1
    assert "`crm.people.diary` (text) has no rule" in call.document["message"]
    assert dumped(refreshed, "staging") == before


def test_what_a_careless_rule_keeps_is_found(refreshed: Desk) -> None:
    """`keep` on a text in which somebody's address stands: the search stops it, and tells no value."""
    rules = refreshed.world.env_dir / "masking.toml"
    text, before = rules.read_text(), dumped(refreshed, "staging")
    rules.write_text(text.replace('body = "fake text"\nrows', 'body = "keep"\nrows'))
    try:
        call = refreshed(*TO)
    finally:
        rules.write_text(text)

    assert call.code == 1, call.err
    assert "`crm.notes.body` holds 1 addresses outside `example.invalid`" in call.document["message"]
    assert "sorbonne" not in call.err + call.out
    assert dumped(refreshed, "staging") == before


@pytest.mark.parametrize("target", ["production", "prod"])
def test_a_guarded_environment_is_never_refreshed(planted: Desk, target: str) -> None:
    call = planted("db.refresh", "--to", target, "--from", "staging", "--yes")

    assert call.code == 1
    assert "guarded" in call.document["message"]
