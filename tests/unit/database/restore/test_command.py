"""`db.restore` and `db.drop-aside`: refusals, plans and messages, without a server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from scripts.config.settings import Environment
from scripts.database.request import DropAsideRequest, RestoreRequest
from scripts.database.restore import command, swap_schemas
from scripts.database.restore.plan import Change, Counts, RestorePlan
from scripts.database.restore.swap_schemas import OldSchema
from scripts.errors import CommandFailed, Declined, Locked, Unreachable
from scripts.state.ledger import Event, Ledger
from scripts.state.remote import KnownLedger
from tests.unit.database.restore.manifests import manifest

STAGING = Environment("staging", "staging", "http://127.0.0.1:9")
OLD = OldSchema("desk_aside_1_public", "public: until the restore of b, run 1", 2_000_000)


class Progress:
    """Records notes; nobody agrees to anything."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def confirm(self, _word: str) -> bool:
        return False


class Settings:
    """One environment."""

    def environment(self, _name: str) -> Environment:
        return STAGING


class Desk:
    """What the commands look at."""

    def __init__(self) -> None:
        self.progress = Progress()
        self.settings = Settings()


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A desk whose database has one old schema."""

    @contextlib.contextmanager
    def session(_database: object) -> Iterator[None]:
        yield

    monkeypatch.setattr(command, "required_database", lambda *_: None)
    monkeypatch.setattr(command, "session", session)
    monkeypatch.setattr(swap_schemas, "old_schemas", lambda _: [OLD])
    return Desk()


def test_old_schemas_are_shown_before_they_are_dropped(desk: Any) -> None:
    """`--plan` ends there; the JSON names them."""
    outcome = command.drop_old_schemas(desk, DropAsideRequest(env="staging", plan=True))

    assert outcome.data["aside"] == [{"schema": OLD.name, "note": OLD.note, "bytes": OLD.bytes}]
    assert desk.progress.notes == [f"{OLD.name}: {OLD.note} (2.0 MB)"]


def test_old_schemas_are_not_dropped_without_consent(desk: Any) -> None:
    """Nobody typed the environment's name."""
    with pytest.raises(Declined, match="nothing was dropped"):
        command.drop_old_schemas(desk, DropAsideRequest(env="staging"))


def test_no_old_schemas_is_nothing_to_do(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ending is `nothing`."""
    monkeypatch.setattr(swap_schemas, "old_schemas", lambda _: [])
    outcome = command.drop_old_schemas(desk, DropAsideRequest(env="staging"))

    assert (outcome.message, outcome.data["aside"]) == ("staging has no old schemas", [])


def test_a_locked_environment_is_refused(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With both ways on: wait, or resume a dead run."""
    monkeypatch.setattr(command, "known_ledger", lambda _: KnownLedger(Ledger(None, ())))
    monkeypatch.setattr(command, "read_lock", lambda *_: "run 7 of Ada")
    with pytest.raises(Locked, match="staging is locked by run 7 of Ada") as error:
        command._unlocked_ledger(desk, STAGING, RestoreRequest(backup="b1", env="staging"))

    assert "`invoke resume --env staging`" in str(error.value.hint)


def test_without_the_remote_there_is_a_plan_and_no_restore(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is in the remote."""
    known = KnownLedger(Ledger(None, ()), Unreachable("origin does not answer"))
    monkeypatch.setattr(command, "known_ledger", lambda _: known)
    plan = RestoreRequest(backup="b1", env="staging", plan=True)

    assert command._unlocked_ledger(desk, STAGING, plan) == known.ledger
    assert "origin does not answer" in desk.progress.notes[-1]
    with pytest.raises(CommandFailed, match="needs the environment's lock") as error:
        command._unlocked_ledger(desk, STAGING, RestoreRequest(backup="b1", env="staging"))
    assert "docs/recovery.md" in str(error.value.hint)


def test_the_outcome_names_the_way_back_and_late_writes() -> None:
    """Rows that were written after the plan was shown are kept in the old schemas."""
    plan = RestorePlan(manifest(), (), {}, None, 1, False)
    change = Change("public.a", before=1, now=4, inserted=3, updated=0, deleted=0)
    detail = {**plan.tell(Counts((change,), {})), "safety_backup": "b1", "aside": "r1", "steps": []}
    event = Event("staging", "restore", "done", "", "c", "Ada", "t", "r1", detail)
    outcome = command._outcome(STAGING, plan, event)

    assert "3 rows are live no longer" in outcome.message
    assert "the plan had said 0 rows; written after it: public.a +3" in outcome.message
    assert "to undo it: `invoke db.restore r1 --from-aside --env staging`" in str(outcome.hint)
    assert (outcome.data["environment"], outcome.data["safety_backup"]) == ("staging", "b1")
    assert (outcome.data["lost"], outcome.data["late"]) == (3, {"public.a": 3})


def test_a_backup_of_another_schema_than_the_live_releases_is_warned_about(desk: Any) -> None:
    """The hint is the rollback that moves both."""
    live = Event("staging", "release", "done", "v3", "c", "Ada", "t", "r", {"schema": "9"})
    plan = RestorePlan(manifest(), (), {}, None, 1, False)
    command._show(desk, STAGING, plan, Ledger("tip", (live,)))

    assert "warning: v3 is live and was built for schema 9, the backup has 1" in desk.progress.notes[-1]
    assert "`invoke rollback --env staging --with-data`" in desk.progress.notes[-1]
