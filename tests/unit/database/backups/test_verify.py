"""What the ledger records of a proof, and when a proof is refused; whole proofs are integration tests."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.config.desk import Desk
from scripts.database.backups import equality, storage, toc, verify
from scripts.database.backups.create import Backup
from scripts.database.backups.manifest import Manifest, Table
from scripts.database.backups.unproven import Unproven
from scripts.database.postgres import scratch
from scripts.database.postgres.archive_toc import Entry
from scripts.errors import BackupFault, CommandFailed, DeskError, Refused
from scripts.state import remote
from scripts.state.ledger import Event, Ledger
from tests.support import databases
from tests.unit.database.backups.test_manifest import ONE

Recorded = list[Event]
EARLIER = replace(
    ONE, id="20300101T030405Z-0123abcd-daily-9f31", tables={"public.guests": Table(100, "1", 1)}
)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return databases.desk(tmp_path)


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """The events that are appended to the ledger."""
    events: Recorded = []

    def append(_desk: Desk, _tip: str | None, make: Callable[[Ledger], Event]) -> Event:
        events.append(make(Ledger(None, ())))
        return events[-1]

    monkeypatch.setattr(remote, "append", append)
    return events


def backup(manifest: Manifest = ONE) -> Backup:
    return Backup(manifest, Path("/plain"), Path("/backups") / manifest.id, 3.14)


def prove(
    desk: Desk,
    monkeypatch: pytest.MonkeyPatch,
    fault: DeskError | None,
    *,
    new: bool = True,
    unproven: Unproven = equality.NOTHING,
) -> None:
    def compare(*_: object, accept_partial: bool) -> Unproven:
        if fault:
            raise fault
        return unproven

    monkeypatch.setattr(verify, "compare_with_copy", compare)
    taken = replace(backup(), new=new)
    verify.prove_backup(desk, desk.settings.environment("production"), taken, "tip", "run-1")


def test_a_proof_is_recorded(desk: Desk, recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    prove(desk, monkeypatch, None)
    (event,) = recorded

    assert (event.kind, event.ending, event.environment) == ("backup", "done", "production")
    assert (event.release, event.commit, event.actor) == (ONE.release, ONE.commit, "Ada")
    assert event.detail == {
        "backup": ONE.id,
        "manifest": ONE.digest,
        "proven": True,
        "bytes": ONE.bytes,
        "rows": 3,
        "seconds": 3.1,
        "schema": ONE.newest,
        "place": f"/backups/{ONE.id}",
        "for": "run-1",
    }


def test_a_failed_proof_is_recorded_with_its_reason(
    desk: Desk, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BackupFault, match="no such role"):
        prove(desk, monkeypatch, BackupFault("it broke\n  | no such role"))
    (event,) = recorded

    assert (event.ending, event.detail["proven"], event.detail["reason"]) == ("failed", False, "it broke")


@pytest.mark.parametrize("fault", [Refused("no server here"), CommandFailed("the disk is full")])
def test_what_this_machine_lacks_is_no_fault_of_the_backup(
    desk: Desk, recorded: Recorded, monkeypatch: pytest.MonkeyPatch, fault: DeskError
) -> None:
    """A new one is recorded as not proven; the proof of an older one stands."""
    with pytest.raises(DeskError):
        prove(desk, monkeypatch, fault)
    (event,) = recorded
    assert (event.ending, event.detail["proven"], event.detail.get("reason")) == ("done", False, None)

    with pytest.raises(DeskError):
        prove(desk, monkeypatch, fault, new=False)
    assert len(recorded) == 1


def test_the_first_fault_is_raised_if_it_can_not_be_recorded(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def append(*_: object) -> Event:
        raise Refused("the ledger was rewritten")

    monkeypatch.setattr(remote, "append", append)
    with pytest.raises(CommandFailed, match="it broke"):
        prove(desk, monkeypatch, CommandFailed("it broke"))


def shrink(desk: Desk, rows: int, *, accept: bool, digest: str = EARLIER.digest) -> None:
    """Require that 100 rows did not become `rows`."""
    production = desk.settings.environment("production")
    store = storage.folder_store(desk, production)
    with store.staging("x") as staging:
        (staging / "archive").mkdir()
        store.put(EARLIER.id, staging / "archive", [], EARLIER.text().encode())
    detail = {"backup": EARLIER.id, "manifest": digest, "proven": True}
    event = Event("production", "backup", "done", "", "", "Ada", "2030-01-01T04:00:00Z", "r", detail)
    now = backup(replace(ONE, tables={"public.guests": Table(rows, "1", 1)}))
    verify.require_no_shrink(desk, production, now, Ledger("tip", (event,)), accept=accept)


def test_a_table_that_shrank_waits_for_a_person(desk: Desk, recorded: Recorded) -> None:
    with pytest.raises(Refused, match=rf"public\.guests has 79 rows, 100 in `{EARLIER.id}`") as caught:
        shrink(desk, 79, accept=False)

    assert "--accept-shrink" in str(caught.value.hint)
    assert [(event.ending, event.detail["proven"]) for event in recorded] == [("done", False)]


@pytest.mark.parametrize(
    ("rows", "accept", "digest"),
    [(80, False, EARLIER.digest), (79, True, EARLIER.digest), (79, False, "f" * 64)],
)
def test_what_did_not_shrink_or_was_accepted_passes(
    rows: int, accept: bool, digest: str, desk: Desk, recorded: Recorded
) -> None:
    """An earlier manifest that is not the recorded one says nothing."""
    shrink(desk, rows, accept=accept, digest=digest)

    assert recorded == []
    notes = desk.progress.notes  # type: ignore[attr-defined]
    assert any("which was accepted" in note for note in notes) == accept


VECTOR = Entry("1; 0 0 EXTENSION - vector ", "EXTENSION", "", "vector")
DOCS = Entry("2; 0 0 TABLE public docs x", "TABLE", "public", "docs", needs=("1",))
LACKING = Unproven.of(toc.classify([VECTOR, DOCS]), ())


def test_what_a_proof_does_not_show_is_recorded(
    desk: Desk, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    prove(desk, monkeypatch, None, unproven=LACKING)
    (event,) = recorded

    assert (event.detail["proven"], event.detail["partial"]) == (True, ["table public.docs"])


@pytest.mark.parametrize("accept", [True, False])
def test_a_partial_proof_is_accepted_or_refused(desk: Desk, accept: bool) -> None:
    """Either way it is said what was not compared."""
    notes = desk.progress.notes  # type: ignore[attr-defined]
    if accept:
        verify._tell_unproven(desk, ONE, LACKING, accept=True)
        assert "partial, which was accepted" in notes[-1]
        assert "table public.docs" in notes[-1]
        return
    with pytest.raises(CommandFailed, match=r"(?s)lacks `vector`.*table public\.docs") as caught:
        verify._tell_unproven(desk, ONE, LACKING, accept=False)
    assert "--accept-partial-proof" in (caught.value.hint or "")


def test_what_nothing_needs_is_said_and_accepted(desk: Desk) -> None:
    verify._tell_unproven(desk, ONE, Unproven.of(toc.classify([VECTOR]), ()), accept=False)

    notes = desk.progress.notes  # type: ignore[attr-defined]
    assert notes == ["  not compared, and nothing of the app's needs it: `vector`"]


def test_tables_are_shared_evenly_between_readers() -> None:
    sizes = {"a": 10, "b": 9, "c": 8, "d": 1}
    shares = verify._shares(sizes, 2)

    assert sorted(name for share in shares for name in share) == sorted(sizes)
    assert {sum(sizes[name] for name in share) for share in shares} == {11, 17} or shares == [
        ["a", "d"],
        ["b", "c"],
    ]
    assert verify._shares({}, 2) == [[], []]


def test_differences_are_listed_and_refused(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    @contextmanager
    def scratch_copy(*_: object) -> Any:
        yield None

    def archive_in(*_: object) -> Any:
        return SimpleNamespace(contents=tuple)

    many = tuple(f"table t{number} is missing" for number in range(25))
    monkeypatch.setattr(verify, "scratch_copy", scratch_copy)
    monkeypatch.setattr(verify, "archive_in", archive_in)
    monkeypatch.setattr(scratch, "available_extensions", lambda _database: frozenset())
    monkeypatch.setattr(verify, "_read_copy", lambda *_: None)
    monkeypatch.setattr(scratch, "is_superuser", lambda _database: True)
    monkeypatch.setattr(equality, "differences", lambda *_args, **_options: many)
    (tmp_path / "schema.json").write_text("[]")

    with pytest.raises(Refused, match=r"t19 is missing\n  \| and 5 more"):
        verify.compare_with_copy(
            desk, desk.settings.environment("production"), ONE, tmp_path, accept_partial=False
        )


def test_a_safety_backup_is_proven(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    proven: list[tuple[str, str | None]] = []

    @contextmanager
    def create(_desk: Desk, _environment: object, kind: str, _live: object) -> Any:
        proven.append((kind, None))
        yield backup()

    monkeypatch.setattr(
        verify, "observe_remote", lambda _desk: type("R", (), {"ledger": Ledger("tip", ())})
    )
    monkeypatch.setattr(verify, "create_backup", create)
    monkeypatch.setattr(
        verify, "prove_backup", lambda _d, _e, created, tip, **_: proven.append((created.manifest.id, tip))
    )

    assert verify.take_safety_backup(desk, desk.settings.environment("production")) == ONE.id
    assert proven == [("presafety", None), (ONE.id, "tip")]
