"""`backup.list`, `backup.verify` and `backup.prune` over a folder and a ledger; no server is needed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.config.desk import Desk
from scripts.database.backups import commands, storage
from scripts.database.backups.create import Backup
from scripts.database.backups.request import (
    BackupRequest,
    ListBackupsRequest,
    PruneBackupsRequest,
    VerifyBackupRequest,
)
from scripts.errors import CommandFailed, DeskError, Refused
from scripts.notify import deliver
from scripts.state.ledger import Event, Ledger
from tests.support import databases
from tests.unit.database.backups.test_manifest import ONE

NOW = "2030-06-01T12:00:00+00:00"
OLD, NEW = "20300101T000000Z-00000000-daily-0001", "20300601T000000Z-00000000-daily-0002"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Two stored backups; the newer one is proven."""
    desk = replace(databases.desk(tmp_path, keep_daily=1, keep_weekly=0, keep_monthly=0), now=lambda: NOW)
    store = storage.folder_store(desk, desk.settings.environment("production"))
    for name in (OLD, NEW):
        with store.staging(name) as staging:
            (staging / "archive").mkdir()
            store.put(name, staging / "archive", [], replace(ONE, id=name).text().encode())
    detail = {"backup": NEW, "manifest": "", "proven": True, "bytes": 21, "rows": 3}
    event = Event("production", "backup", "done", "", "", "Ada", NOW, "r", detail)
    remote = SimpleNamespace(ledger=Ledger("tip", (event,)))
    monkeypatch.setattr(commands, "observe_remote", lambda _desk: remote)
    return desk


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the team is notified of."""
    messages: list[str] = []
    monkeypatch.setattr(
        deliver, "backup_failed", lambda _desk, _environment, fault: messages.append(fault.message)
    )
    return messages


def ids(desk: Desk) -> list[str]:
    return storage.folder_store(desk, desk.settings.environment("production")).ids()


def test_the_list_has_age_proof_and_stores(desk: Desk) -> None:
    old, new = commands.list_backups(desk, ListBackupsRequest()).data["backups"]

    assert (old["backup"], old["proven"], old["bytes"], old["proven_at"]) == (OLD, False, None, None)
    assert (new["backup"], new["kind"], new["at"]) == (NEW, "daily", "2030-06-01T00:00:00+00:00")
    assert (new["age_hours"], new["proven"], new["rows"], new["fault"]) == (12.0, True, 3, None)
    assert new["places"] == [str(desk.state_folder / "backups/production")]


def test_the_check_fails_and_notifies_if_the_newest_proof_is_too_old(
    desk: Desk, reported: list[str]
) -> None:
    assert commands.list_backups(desk, ListBackupsRequest(check=True)).code == 0
    assert reported == []

    later = replace(desk, now=lambda: "2030-06-05T12:00:00+00:00")
    outcome = commands.list_backups(later, ListBackupsRequest(check=True))
    assert outcome.code == 1
    assert "108 h old" in outcome.message
    assert len(reported) == 1


def test_prune_shows_first_and_removes_then(desk: Desk) -> None:
    plan = commands.prune_backups(desk, PruneBackupsRequest(env="production", plan=True))
    assert (plan.ending, plan.data["removed"], list(plan.data["kept"])) == ("done", [OLD], [NEW])
    assert ids(desk) == [OLD, NEW]

    outcome = commands.prune_backups(desk, PruneBackupsRequest(env="production", yes=True))
    assert (outcome.data["removed"], ids(desk)) == ([OLD], [NEW])
    again = commands.prune_backups(desk, PruneBackupsRequest(env="production", yes=True))
    assert again.ending == "nothing"


def test_prune_clears_what_was_never_finished(desk: Desk) -> None:
    commands.prune_backups(desk, PruneBackupsRequest(env="production", yes=True))
    unfinished = storage.folder_store(desk, desk.settings.environment("production")).folder / ".partial-x"
    unfinished.mkdir()
    hour_ago = time.time() - 3600
    os.utime(unfinished, (hour_ago, hour_ago))

    outcome = commands.prune_backups(desk, PruneBackupsRequest(env="production", yes=True))
    assert (outcome.ending, outcome.data["cleared"]) == ("done", [".partial-x"])
    assert not unfinished.exists()


def test_a_kind_that_only_the_desk_uses_is_refused(desk: Desk) -> None:
    with pytest.raises(Refused, match="`predeploy` is no kind"):
        commands.backup(desk, BackupRequest(env="production", kind="predeploy"))


@contextmanager
def created(*_: object) -> Iterator[Backup]:
    yield Backup(ONE, Path("/plain"), Path("/backups") / ONE.id, 2.0)


def test_a_backup_is_created_proven_and_described(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    monkeypatch.setattr(commands, "create_backup", created)
    for name in ("require_no_shrink", "prove_backup", "record_backup"):
        monkeypatch.setattr(commands, name, lambda *_, name=name, **__: steps.append(name))

    outcome = commands.backup(desk, BackupRequest(env="production"))
    assert (outcome.data["backup"], outcome.data["proven"], outcome.data["rows"]) == (
        *(ONE.id, True),
        {"public.guests": 3},
    )
    assert steps == ["require_no_shrink", "prove_backup"]

    steps.clear()
    unproven = commands.backup(desk, BackupRequest(env="production", proof=False))
    assert (unproven.data["proven"], steps) == (False, ["record_backup"])
    assert f"backup.verify {ONE.id}" in str(unproven.hint)


@pytest.mark.parametrize("task", ["backup", "verify"])
def test_a_failure_is_notified_and_raised(
    task: str, desk: Desk, reported: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise CommandFailed("it broke")

    monkeypatch.setattr(commands, "create_backup", fail)
    monkeypatch.setattr(commands, "prove_backup", fail)
    monkeypatch.setattr(commands, "require_no_shrink", lambda *_, **__: None)

    def run() -> None:
        if task == "backup":
            commands.backup(desk, BackupRequest(env="production"))
        else:
            commands.verify_backup(desk, VerifyBackupRequest(backup=NEW, env="production"))

    with pytest.raises(DeskError):
        run()
    assert len(reported) == 1


def test_the_environment_of_a_backup_is_found_by_its_id(desk: Desk) -> None:
    ledger = Ledger("tip", ())
    assert commands._environment_of(desk, ledger, OLD, "").name == "production"
    with pytest.raises(Refused, match="no environment has a backup"):
        commands._environment_of(desk, ledger, ONE.id, "")
