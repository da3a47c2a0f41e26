"""An intact copy is brought to where one is missing or damaged, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.config.desk import Desk
from scripts.database.backups import catalog, storage
from scripts.database.backups.copies import look_at
from scripts.database.backups.manifest import MANIFEST
from scripts.database.backups.repair import repair
from scripts.errors import BackupFault, Unreachable
from scripts.state.ledger import Event, Ledger
from tests.support import s3
from tests.unit.database.backups.stored import NEW, change, folder_of, make_desk, production, proof, put


def states(desk: Desk, event: Event) -> list[str]:
    """Of the copies, after every file was read."""
    record = catalog.records(Ledger(None, (event,)), "production")[NEW]
    stores = storage.stores(desk, production(desk))
    return [look_at(store, "production", NEW, record, deep=True).state for store in stores]


def repaired(desk: Desk, event: Event) -> list[str]:
    return repair(desk, production(desk), NEW, catalog.records(Ledger(None, (event,)), "production")[NEW])


@pytest.mark.parametrize("place", ["folder", "bucket"])
@pytest.mark.parametrize("damage", ["flipped", "removed", "no manifest"])
def test_a_bad_copy_is_replaced_by_a_good_one(tmp_path: Path, place: str, damage: str) -> None:
    with s3.serving() as service:
        desk = make_desk(tmp_path, service)
        event = proof(desk, put(desk, NEW))
        where = service if place == "bucket" else None
        if damage == "flipped":
            change(desk, where, NEW, "db.dump", lambda whole: bytes([whole[0] ^ 1]) + whole[1:])
        elif damage == "no manifest":
            change(desk, where, NEW, MANIFEST, lambda _: None)
        else:
            storage.stores(desk, production(desk))[place == "bucket"].remove(NEW)
        assert states(desk, event) != ["intact", "intact"]

        assert repaired(desk, event) == [storage.stores(desk, production(desk))[place == "bucket"].place]
        assert states(desk, event) == ["intact", "intact"]
        assert repaired(desk, event) == []


def test_a_machine_that_never_had_a_copy_gets_none(tmp_path: Path) -> None:
    with s3.serving() as service:
        desk = make_desk(tmp_path, service)
        event = proof(desk, put(desk, NEW, here=False), machine="laptop", place="/x")
        assert repaired(desk, event) == []
        assert folder_of(desk).ids() == []


def test_nothing_is_made_of_damaged_copies(tmp_path: Path) -> None:
    with s3.serving() as service:
        desk = make_desk(tmp_path, service)
        event = proof(desk, put(desk, NEW))
        for where in (None, service):
            change(desk, where, NEW, "db.dump", lambda whole: whole[1:])
        with pytest.raises(BackupFault, match="no copy"):
            repaired(desk, event)
        assert states(desk, event) == ["damaged", "damaged"]


def test_a_place_that_can_not_be_read_is_not_repaired(tmp_path: Path) -> None:
    with s3.serving() as service:
        desk = make_desk(tmp_path, service)
        event = proof(desk, put(desk, NEW))
        service.mode = "forbidding"
        with pytest.raises(Unreachable):
            repaired(desk, event)
