"""A restore in place, without a server: errors, retries, and which entries go where."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from scripts.database.backups import toc
from scripts.database.postgres.content import SnapshotReader
from scripts.database.postgres.trouble import FULL
from scripts.database.restore import in_place
from scripts.database.restore.in_place import Source
from scripts.database.restore.plan import ACCOUNTS, Change, RestorePlan
from scripts.errors import LiveUnknown, Unreachable
from tests.unit.database.restore.manifests import manifest

# an extension has no owner, so its line ends in a blank
LISTING = [
    "1; 1262 1 SCHEMA - billing postgres",
    "2; 1259 2 TABLE public bookings postgres",
    "3; 0 2 TABLE DATA public bookings postgres",
    "4; 0 3 TABLE DATA auth users supabase_auth_admin",
    "5; 2620 4 TRIGGER auth users on_auth_user_created supabase_auth_admin",
    "6; 3256 5 POLICY storage objects own supabase_storage_admin",
    "7; 3079 6 EXTENSION - citext ",
    "8; 3079 7 EXTENSION - pgcrypto ",
]


class Desk:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def unreachable(cause: type[Exception]) -> Unreachable:
    """An error as `session` raises it."""
    error = Unreachable("no connection")
    error.__context__ = cause()
    return error


def test_a_server_that_restarts_is_waited_for() -> None:
    """Until it answers."""
    desk: Any = Desk()
    answers = [unreachable(psycopg.OperationalError), unreachable(psycopg.OperationalError)]

    def work() -> str:
        if answers:
            raise answers.pop()
        return "done"

    assert in_place.retry_while_away(desk, work) == "done"
    assert desk.now == 2 * in_place.RETRY_EVERY


def test_a_server_that_stays_away_is_given_up() -> None:
    """After a minute."""
    desk: Any = Desk()

    def work() -> None:
        raise unreachable(psycopg.OperationalError)

    with pytest.raises(Unreachable):
        in_place.retry_while_away(desk, work)
    assert desk.now == pytest.approx(in_place.RECONNECT_WITHIN, abs=1)


def test_a_server_that_refuses_is_not_asked_again() -> None:
    """Only a lost connection may come back."""
    desk: Any = Desk()

    def work() -> None:
        raise unreachable(psycopg.errors.InsufficientPrivilege)

    with pytest.raises(Unreachable):
        in_place.retry_while_away(desk, work)
    assert desk.now == 0


def test_a_commit_that_nobody_can_see_is_an_unknown_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run can be resumed when the server is back."""
    desk: Any = Desk()

    def session(_database: object) -> object:
        raise unreachable(psycopg.OperationalError)

    monkeypatch.setattr(in_place, "session", session)
    database: Any = None
    with pytest.raises(LiveUnknown, match="not known whether the restore was committed") as error:
        in_place.has_committed(desk, database, "run1")
    assert "when the server is back: `invoke resume --env ENV`" in str(error.value.hint)


@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (psycopg.errors.LockNotAvailable("x"), "the database is busy; nothing was changed", "try again"),
        (psycopg.errors.DiskFull("x"), "the database has no disk space left; nothing was", FULL.hint),
        (psycopg.errors.UndefinedTable("x"), "the backup can't be restored here", None),
    ],
)
def test_the_servers_error_is_named(error: psycopg.Error, message: str, hint: str | None) -> None:
    """With what to do, where that is known."""
    fault = in_place._rolled_back(error)

    assert fault.message.startswith(message)
    assert fault.hint == hint


def parts(deleted_accounts: int) -> dict[str, Any]:
    """Where the entries of the listing go, in a database that has `citext`."""
    archive: Any = SimpleNamespace()
    source = Source(manifest(), archive, toc.classify(toc.parse_listing("\n".join(LISTING))), ())
    accounts = Change(ACCOUNTS, 1, 1, 0, 0, deleted_accounts)
    plan = RestorePlan(manifest(), (), {}, accounts, 1, safety=False)
    return vars(in_place._parts_of(source, plan, frozenset({"EXTENSION citext"})))


def test_entries_go_where_they_belong() -> None:
    """Missing extensions with the app's schemas, triggers one by one, policies last."""
    found = parts(deleted_accounts=1)

    assert "pgcrypto" in found["app"]
    assert "citext" not in found["app"]
    assert "bookings" in found["app"]
    assert [text.split()[3] for text in found["triggers"]] == ["TRIGGER"]
    assert "POLICY" in found["after"]
    assert "auth users" in found["accounts"]


def test_accounts_are_left_alone_when_none_was_deleted() -> None:
    """Their rows are kept as they are."""
    assert parts(deleted_accounts=0)["accounts"] == ""


def test_sums_for_which_writers_wait_are_made_by_several_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the reader's own settings, which allow one, and before the first sum."""
    done: list[str] = []

    class Reader:
        major = 17

        def tables(self) -> list[Any]:
            return []

        def checksums(self, _tables: object) -> list[Any]:
            done.append("sums")
            return []

        def large_objects(self, _only: object) -> None: ...

        def sequences(self, _is_ours: object) -> tuple[dict[str, int], frozenset[str]]:
            return {}, frozenset()

        def schema(self, _is_ours: object) -> tuple[str, ...]:
            return ()

        def computed(self, *_: object) -> dict[str, Any]:
            return {}

    def within(_connection: object) -> Reader:
        done.append("settings")
        return Reader()

    monkeypatch.setattr(SnapshotReader, "within", within)
    archive: Any = None
    source = Source(manifest(), archive, toc.classify(()), ())
    connection: Any = SimpleNamespace(execute=done.append)
    in_place._compare(connection, source)

    assert done == ["settings", in_place.PARALLEL, "sums"]
