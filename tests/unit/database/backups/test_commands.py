"""`backup.list`, `backup.verify` and `backup.prune` over a folder and a ledger; no server is needed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyrage
import pytest

from scripts.config.desk import Desk
from scripts.database.backups import commands, equality, storage, verify
from scripts.database.backups.create import Backup
from scripts.database.backups.manifest import Manifest, parse_manifest
from scripts.database.backups.request import (
    BackupRequest,
    ListBackupsRequest,
    PruneBackupsRequest,
    VerifyBackupRequest,
)
from scripts.errors import (
    BackupFault,
    CommandFailed,
    ConfigError,
    DeskError,
    Refused,
    Unreachable,
    UsageError,
)
from scripts.notify import deliver
from scripts.state.ledger import Event, Ledger
from scripts.system.signals import Stop
from tests.support import s3
from tests.unit.database.backups.stored import (
    NEW,
    NOW,
    change,
    folder_of,
    make_desk,
    proof,
    put,
    use_ledger,
)
from tests.unit.database.backups.test_manifest import ONE

OLD = "20300101T000000Z-00000000-daily-0001"


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, Any]]:
    """What the commands append to the ledger."""
    detail = {"backup": NEW, "manifest": "", "proven": True, "bytes": 21, "rows": 3}
    return use_ledger(monkeypatch, Event("production", "backup", "done", "", "", "Ada", NOW, "r", detail))


@pytest.fixture
def desk(tmp_path: Path, recorded: list[Mapping[str, Any]]) -> Desk:
    """Two stored backups; the newer one is proven."""
    del recorded
    desk = make_desk(tmp_path, keep_daily=1)
    for name in (OLD, NEW):
        put(desk, name)
    return desk


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the team is notified of."""
    messages: list[str] = []
    monkeypatch.setattr(
        deliver, "backup_failed", lambda _desk, _environment, fault, *_: messages.append(fault.message)
    )
    return messages


def manifest_of(desk: Desk, name: str) -> Manifest:
    return parse_manifest(folder_of(desk).manifest(name))


def ids(desk: Desk) -> list[str]:
    return folder_of(desk).ids()


def test_the_list_has_age_proof_and_stores(desk: Desk) -> None:
    old, new = commands.list_backups(desk, ListBackupsRequest()).data["backups"]

    assert (old["backup"], old["proven"], old["bytes"], old["proven_at"]) == (OLD, False, None, None)
    assert (old["recorded"], new["recorded"]) == (False, True)
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


def test_prune_shows_first_and_removes_then(desk: Desk, recorded: list[Mapping[str, Any]]) -> None:
    """The ledger says what was removed on purpose."""
    plan = commands.prune_backups(desk, PruneBackupsRequest(env="production", plan=True))
    assert (plan.ending, plan.data["removed"], list(plan.data["kept"])) == ("done", [OLD], [NEW])
    assert (ids(desk), recorded) == ([OLD, NEW], [])

    outcome = commands.prune_backups(desk, PruneBackupsRequest(env="production", yes=True))
    assert (outcome.data["removed"], ids(desk)) == ([OLD], [NEW])
    assert recorded == [{"kind": "prune", "tip": "tip", "removed": [OLD]}]
    again = commands.prune_backups(desk, PruneBackupsRequest(env="production", yes=True))
    assert again.ending == "nothing"


def test_prune_keeps_an_intact_backup_where_the_newest_proven_one_is_damaged(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proof of which no copy is left keeps nothing alive, and is no reason to remove what is."""
    old = manifest_of(desk, OLD)
    use_ledger(monkeypatch, proof(desk, old), proof(desk, manifest_of(desk, NEW)))
    change(desk, None, NEW, "db.dump", lambda _: b"")
    plan = commands.prune_backups(desk, PruneBackupsRequest(env="production", plan=True))

    assert plan.data["removed"] == []
    assert plan.data["kept"][OLD] == "the newest proven one"


def test_prune_needs_every_place(tmp_path: Path, recorded: list[Mapping[str, Any]]) -> None:
    del recorded
    with s3.serving("forbidding") as service:
        desk = make_desk(tmp_path, service)
        with pytest.raises(Unreachable, match="can't be listed"):
            commands.prune_backups(desk, PruneBackupsRequest(env="production", yes=True))


def test_prune_clears_what_was_never_finished(desk: Desk) -> None:
    commands.prune_backups(desk, PruneBackupsRequest(env="production", yes=True))
    unfinished = folder_of(desk).folder / ".partial-x"
    unfinished.mkdir()
    hour_ago = time.time() - 3600
    os.utime(unfinished, (hour_ago, hour_ago))

    outcome = commands.prune_backups(desk, PruneBackupsRequest(env="production", yes=True))
    assert (outcome.ending, outcome.data["cleared"]) == ("done", [".partial-x"])
    assert not unfinished.exists()


def test_a_kind_that_only_the_desk_uses_is_refused(desk: Desk) -> None:
    with pytest.raises(UsageError, match="`predeploy` is no kind"):
        commands.backup(desk, BackupRequest(env="production", kind="predeploy"))


@contextmanager
def created(*_: object) -> Iterator[Backup]:
    yield Backup(ONE, Path("/plain"), Path("/backups") / ONE.id, 2.0)


def test_a_backup_is_created_proven_and_described(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    monkeypatch.setattr(commands, "create_backup", created)

    def step(name: str) -> tuple[str, ...]:
        steps.append(name)
        return ()

    for name in ("require_no_shrink", "prove_backup", "record_backup"):
        monkeypatch.setattr(commands, name, lambda *_, name=name, **__: step(name))

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


@pytest.mark.parametrize("is_stored", [True, False])
def test_an_interruption_says_whether_a_backup_is_stored(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, is_stored: bool
) -> None:
    """By the folder, whatever the run had come to."""
    name = "20310203T000000Z-00000000-manual-0001"

    @contextmanager
    def interrupted(*_: object) -> Iterator[Backup]:
        if is_stored:
            put(desk, name)
        raise Stop("interrupted by SIGINT")
        yield

    monkeypatch.setattr(commands, "create_backup", interrupted)
    with pytest.raises(Stop) as caught:
        commands.backup(desk, BackupRequest(env="production"))

    stored = f"`{name}` is stored, and `invoke backup.verify {name} --env production` proves it"
    assert str(caught.value) == f"interrupted by SIGINT: {stored if is_stored else 'no backup was stored'}"


@pytest.mark.parametrize(
    ("kind", "fault", "told"),
    [
        ("daily", CommandFailed("it broke"), ["it broke"]),
        ("daily", ConfigError("a key is missing"), ["a key is missing"]),
        ("manual", CommandFailed("it broke"), []),
        ("manual", ConfigError("a key is missing"), []),
        ("manual", BackupFault("it does not restore"), ["it does not restore"]),
    ],
)
def test_the_team_is_told_of_faults_that_are_not_the_callers(
    desk: Desk, reported: list[str], kind: str, fault: DeskError, told: list[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise fault

    request = BackupRequest(env="production", kind=kind)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "create_backup", fail)
        with pytest.raises(type(fault)):
            commands.backup(desk, request)
    assert reported == told


VERIFY = VerifyBackupRequest(backup=NEW, env="production")


@pytest.mark.parametrize(
    "mistake", ["no identity", "another identity", "no such backup", "no server", "no bucket", "not here"]
)
def test_a_callers_mistake_is_told_to_nobody_else(
    mistake: str, tmp_path: Path, reported: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing is recorded: the proof stands."""
    key, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    values = {"no identity": {}, "another identity": {storage.IDENTITY: str(other)}}
    held = values.get(mistake, {storage.IDENTITY: str(key)})
    desk = make_desk(tmp_path, values=held)
    manifest = put(desk, NEW, (str(key.to_public()),))
    where = {"machine": "laptop", "place": "/x"} if mistake == "not here" else {}
    recorded = use_ledger(monkeypatch, proof(desk, manifest, **where))
    monkeypatch.setattr(commands, "require_no_shrink", lambda *_, **__: None)
    monkeypatch.setattr(verify, "record", fail_to_record)
    monkeypatch.setattr(commands, "record_lost", fail_to_record)
    monkeypatch.setattr(verify, "compare_with_copy", refuse)
    if mistake == "not here":
        folder_of(desk).remove(NEW)
    if mistake == "no bucket":
        desk = make_desk(tmp_path, values=held, bucket="kept")
        monkeypatch.setattr(verify, "compare_with_copy", refuse)
    request = replace_backup(VERIFY, OLD) if mistake == "no such backup" else VERIFY
    with pytest.raises(Refused) as caught:
        commands.verify_backup(desk, request)

    assert not isinstance(caught.value, BackupFault)
    assert (reported, recorded) == ([], [])


def fail_to_record(*_: Any, **__: Any) -> None:
    pytest.fail("a caller's mistake was recorded")


def refuse(*_: Any, **__: Any) -> None:
    raise Refused("a scratch server of PostgreSQL 17 is needed", "apt-get install ...")


def replace_backup(request: VerifyBackupRequest, backup: str) -> VerifyBackupRequest:
    return VerifyBackupRequest(backup=backup, env=request.env)


@pytest.mark.parametrize("damage", ["file", "manifest", "gone"])
def test_a_lost_backup_is_told_to_the_team_and_recorded(
    damage: str, desk: Desk, reported: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From then on nobody counts on it."""
    use_ledger(monkeypatch, proof(desk, manifest_of(desk, NEW)))
    lost: list[str] = []
    monkeypatch.setattr(commands, "record_lost", lambda *given: lost.append(given[-1]))
    if damage == "file":
        change(desk, None, NEW, "db.dump", lambda whole: whole + b"x")
    elif damage == "manifest":
        change(desk, None, NEW, "MANIFEST.json", lambda whole: whole + b"\n")
    else:
        folder_of(desk).remove(NEW)
    with pytest.raises(BackupFault) as caught:
        commands.verify_backup(desk, VERIFY)

    assert reported == lost == [caught.value.message]


def test_without_the_ledger_a_backup_is_proven_and_not_recorded(
    desk: Desk, reported: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can't be said is said."""
    recorded = use_ledger(monkeypatch, doubt=Unreachable("the git remote is away"))
    monkeypatch.setattr(commands, "compare_with_copy", lambda *_, **__: equality.NOTHING)
    outcome = commands.verify_backup(desk, VERIFY)

    assert (outcome.code, outcome.data["proven"], outcome.data["recorded"]) == (0, True, False)
    assert "nothing of it is known here: the git remote is away" in outcome.message
    assert (reported, recorded) == ([], [])
    listed = commands.list_backups(desk, ListBackupsRequest(env="production"))
    assert [row["backup"] for row in listed.data["backups"]] == [OLD, NEW]
    assert any("the git remote is away" in note for note in desk.progress.notes)  # type: ignore[attr-defined]
    checked = commands.list_backups(desk, ListBackupsRequest(env="production", check=True))
    assert checked.code == 1
    assert "the ledger can't be read" in checked.message


def test_the_newest_proven_backup_needs_no_id(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a job of every week; where none is proven, that is said."""
    seen: list[str] = []

    def prove(_desk: Desk, _environment: object, _known: object, request: VerifyBackupRequest) -> None:
        seen.append(request.backup)
        raise Refused("far enough")

    monkeypatch.setattr(commands, "_prove_stored", prove)
    newest = VerifyBackupRequest(backup="newest", env="production")
    with pytest.raises(Refused, match="far enough"):
        commands.verify_backup(desk, newest)
    assert seen == [NEW]

    use_ledger(monkeypatch)
    with pytest.raises(Refused, match="production has no proven backup"):
        commands.verify_backup(desk, newest)


def test_a_fetched_backup_is_recorded_with_the_places_that_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a copy in the bucket alone the path is its URL."""
    proven: list[Backup] = []
    monkeypatch.setattr(commands, "require_no_shrink", lambda *_, **__: None)

    def prove(
        _desk: object, _environment: object, backup: Backup, *_: object, **__: object
    ) -> tuple[str, ...]:
        proven.append(backup)
        return ()

    monkeypatch.setattr(commands, "prove_backup", prove)
    with s3.serving() as service:
        desk = make_desk(tmp_path, service)
        use_ledger(monkeypatch, proof(desk, put(desk, NEW)))
        commands.verify_backup(desk, VERIFY)
        folder_of(desk).remove(NEW)
        commands.verify_backup(desk, VERIFY)
    here, there = proven

    assert (here.machine, here.bucket, here.new) == ("here", "s3://kept/app/production/", False)
    assert str(here.path).endswith(f"/backups/production/{NEW}")
    assert (there.machine, there.path) == ("", f"s3://kept/app/production/{NEW}")


def test_the_environment_of_a_backup_is_found_by_its_id(desk: Desk) -> None:
    ledger = Ledger("tip", ())
    assert commands._environment_of(desk, ledger, OLD, "").name == "production"
    with pytest.raises(Refused, match="no environment has a backup"):
        commands._environment_of(desk, ledger, ONE.id, "")
