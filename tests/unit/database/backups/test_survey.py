"""Every kind of damage in every place is found by `backup.list --check`, or with `--deep`, and named."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.database.backups import commands, storage
from scripts.database.backups.manifest import MANIFEST, Manifest
from scripts.database.backups.request import ListBackupsRequest
from tests.support import s3
from tests.support.s3 import Service
from tests.unit.database.backups import stored
from tests.unit.database.backups.stored import FILES, MIDDLE, NEW, OLD, Change, change, flip

# bits that are flipped in each file; `DESK_FLIPS=60` tries sixty of each
FLIPS = int(os.environ.get("DESK_FLIPS", "1"))
PLACES = ("folder", "bucket")
DAMAGE: dict[str, tuple[str, Change, str]] = {
    "removed": ("db.dump", lambda _: None, "`db.dump` is missing"),
    "emptied": ("db.dump", lambda _: b"", "`db.dump` has 0 bytes"),
    "halved": ("db.dump", lambda whole: whole[: len(whole) // 2], "`db.dump` has"),
    "longer": ("roles.sql", lambda whole: whole + b"\n", "`roles.sql` has"),
    "manifest removed": (MANIFEST, lambda _: None, "`MANIFEST.json` is missing"),
    "manifest emptied": (MANIFEST, lambda _: b"", "edited or exchanged"),
    "manifest halved": (MANIFEST, lambda whole: whole[: len(whole) // 2], "edited or exchanged"),
    "manifest edited": (MANIFEST, lambda whole: whole.replace(b'"v4"', b'"v5"'), "edited or exchanged"),
    "manifest reformatted": (MANIFEST, lambda whole: whole.replace(b"\n", b"\n "), "edited or exchanged"),
}


@dataclass
class World:
    """Three proven backups in a folder and a bucket; what `backup.list` says."""

    desk: Desk
    service: Service
    manifests: dict[str, Manifest]

    def list(self, **options: bool) -> Outcome:
        """As it was asked."""
        return commands.list_backups(self.desk, ListBackupsRequest(env="production", **options))

    def found(self, **options: bool) -> str:
        """What is wrong, which must be something."""
        outcome = self.list(**{"check": True, **options})
        assert outcome.code == 1
        return outcome.message

    def row(self, name: str, **options: bool) -> dict[str, object]:
        """A backup in the list."""
        return next(row for row in self.list(**options).data["backups"] if row["backup"] == name)

    def damage(self, place: str, name: str, file: str, how: Change) -> str:
        """Damage a file; returns the place as it is shown."""
        change(self.desk, self.service if place == "bucket" else None, name, file, how)
        return self.place(place)

    def place(self, place: str) -> str:
        """The place as it is shown."""
        return "s3://kept/app/production/" if place == "bucket" else stored.folder_of(self.desk).place


@pytest.fixture
def notices(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    return stored.note_notices(monkeypatch)


@dataclass
class Whole:
    """The backups before any damage, in a folder beside and as objects by key."""

    service: Service
    home: Path
    manifests: dict[str, Manifest]
    objects: dict[str, bytes]

    def renew(self) -> None:
        """Put back what a test has changed."""
        self.service.mode = "plain"
        state = self.home / ".airhost"
        shutil.rmtree(state, ignore_errors=True)
        shutil.copytree(self.home / "whole", state)
        contents = self.service.client.list_objects_v2(Bucket=s3.BUCKET).get("Contents", [])
        tags = {item["Key"]: item["ETag"].strip('"') for item in contents}
        for key in tags.keys() - self.objects.keys():
            self.service.client.delete_object(Bucket=s3.BUCKET, Key=key)
        for key, text in self.objects.items():
            if tags.get(key) != hashlib.md5(text).hexdigest():  # noqa: S324 - an ETag
                self.service.client.put_object(Bucket=s3.BUCKET, Key=key, Body=text)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    home = tmp_path_factory.mktemp("desk")
    with s3.serving() as service:
        desk = stored.make_desk(home, service)
        manifests = {name: stored.put(desk, name) for name in (OLD, MIDDLE, NEW)}
        shutil.copytree(desk.state_folder, home / "whole")
        objects = {
            key: service.client.get_object(Bucket=s3.BUCKET, Key=key)["Body"].read()
            for key in service.stored_keys()
        }
        yield Whole(service, home, manifests, objects)


@pytest.fixture
def world(whole: Whole, monkeypatch: pytest.MonkeyPatch, notices: list[tuple[str, str]]) -> World:
    del notices
    whole.renew()
    desk = stored.make_desk(whole.home, whole.service)
    stored.use_ledger(monkeypatch, *(stored.proof(desk, each) for each in whole.manifests.values()))
    return World(desk, whole.service, whole.manifests)


def test_intact_copies_pass(world: World, notices: list[tuple[str, str]]) -> None:
    outcome = world.list(deep=True)
    row = world.row(NEW)

    assert (outcome.code, outcome.data["problems"], notices) == (0, [], [])
    assert (row["proven"], row["recorded"]) == (True, True)
    assert row["places"] == [world.place("folder"), world.place("bucket")]
    assert row["copies"] == [
        {"place": world.place(place), "state": "intact", "why": ""} for place in PLACES
    ]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_found(world: World, notices: list[tuple[str, str]], place: str, kind: str) -> None:
    """In one place, of an older backup too: which backup, which place, what. The other copy counts."""
    file, how, said = DAMAGE[kind]
    name = OLD if kind in ("removed", "manifest edited") else NEW
    shown = world.damage(place, name, file, how)
    line = next(line for line in world.found().splitlines() if name in line)

    assert f"`{name}` in {shown}: " in line
    assert said in line
    assert [title for title, _ in notices] == ["A BACKUP IS DAMAGED OR LOST"]
    row = world.row(name)
    assert row["proven"] is True
    assert [copy["state"] for copy in row["copies"]].count("damaged") == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_in_every_place_is_no_proof(world: World, notices: list[tuple[str, str]], kind: str) -> None:
    """Of the newest one: the one before it is intact, but too old."""
    file, how, _ = DAMAGE[kind]
    for place in PLACES:
        world.damage(place, NEW, file, how)

    outcome = world.list(check=True)
    proven = {row["backup"]: row["proven"] for row in outcome.data["backups"]}
    assert f"the newest proven backup, `{MIDDLE}`, is 36 h old" in outcome.message
    assert [title for title, _ in notices] == ["NO PROVEN BACKUP"]
    assert (outcome.code, proven[NEW], proven[MIDDLE]) == (1, False, True)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("file", [*FILES, MANIFEST])
def test_every_flipped_bit_is_found(world: World, place: str, file: str) -> None:
    """Sizes say nothing about it: `--deep` reads everything, and compares the manifest with the ledger."""
    dice = random.Random(f"{place} {file}")  # noqa: S311 - dice
    kept: list[bytes] = []

    def damage(whole: bytes) -> bytes:
        kept[:] = [whole]
        return flip(dice, whole)

    for _ in range(FLIPS):
        shown = world.damage(place, NEW, file, damage)
        assert f"`{NEW}` in {shown}" in world.found(deep=True)
        assert (world.list(check=True).code == 0) == (file != MANIFEST)
        world.damage(place, NEW, file, lambda _: kept[0])
    assert world.list(deep=True).code == 0


@pytest.mark.parametrize("name", [OLD, NEW])
@pytest.mark.parametrize("place", PLACES)
def test_a_copy_that_is_gone_is_missed(world: World, place: str, name: str) -> None:
    """The off-site copy while the local one stands, and the reverse."""
    if place == "folder":
        shutil.rmtree(stored.folder_of(world.desk).folder / name)
    else:
        for file in (*FILES, MANIFEST):
            world.damage(place, name, file, lambda _: None)

    assert f"`{name}` in {world.place(place)}: nothing of it is there" in world.found()
    assert world.row(name)["proven"] is True


def test_all_backups_of_this_machine_are_gone(world: World) -> None:
    """Nothing says that they were pruned: each is missed, once."""
    shutil.rmtree(world.desk.state_folder)
    said = world.found()

    assert all(said.count(f"`{name}` in {world.place('folder')}") == 1 for name in (OLD, MIDDLE, NEW))
    assert world.place("bucket") not in said


def test_exchanged_manifests_are_found(world: World) -> None:
    """Each is whole, and the other's."""
    folder = stored.folder_of(world.desk).folder
    (folder / OLD / MANIFEST).write_text(world.manifests[NEW].text())
    (folder / NEW / MANIFEST).write_text(world.manifests[OLD].text())
    said = world.found()

    assert f"the manifest of `{OLD}` is one of `{NEW}`" in said
    assert f"the manifest of `{NEW}` is one of `{OLD}`" in said


def test_what_this_desk_wrote_of_another_database_is_found(world: World) -> None:
    """A whole backup in the place of another: its files fit its manifest, which is not the recorded one."""
    folder = stored.folder_of(world.desk).folder
    other = replace(world.manifests[OLD], id=NEW)
    shutil.rmtree(folder / NEW)
    shutil.copytree(folder / OLD, folder / NEW)
    (folder / NEW / MANIFEST).write_text(other.text())

    assert "edited or exchanged" in world.found()


@pytest.mark.parametrize("mode", ["forbidding", "down", "away"])
def test_a_bucket_that_can_not_be_read_is_not_said_to_be_empty(
    world: World, notices: list[tuple[str, str]], mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list works with what can be read, and warns; the check fails, and nothing is called lost."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    if mode == "away":
        settings = replace(
            world.desk.settings, backup=world.desk.settings.backup._replace(endpoint="http://127.0.0.1:9")
        )
        world.desk = replace(world.desk, settings=settings)
    else:
        world.service.mode = mode
    outcome = world.list()

    assert (outcome.code, world.row(NEW)["proven"]) == (0, True)
    assert any("s3://kept/app/production/ is left out" in note for note in world.desk.progress.notes)  # type: ignore[attr-defined]
    assert world.row(NEW)["places"] == [world.place("folder")]
    said = world.found()
    assert "s3://kept/app/production/ can't be read" in said
    assert "nothing of it is there" not in said
    assert [title for title, _ in notices] == ["THE BACKUPS CAN'T BE CHECKED"]


def test_missing_keys_of_the_bucket_are_the_callers_mistake(
    world: World, notices: list[tuple[str, str]]
) -> None:
    world.desk = replace(world.desk, values=lambda _environment: {})

    assert world.list().code == 0
    assert "BACKUP_S3_KEY_ID" in world.found()
    assert notices == []


def test_a_pruned_backup_is_not_missed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown one is listed, is not proven, and is no fault."""
    events = [stored.proof(world.desk, each) for each in world.manifests.values()]
    pruned = replace(events[0], kind="prune", detail={"removed": [OLD]})
    stored.use_ledger(monkeypatch, *events, pruned)
    for store in storage.stores(world.desk, stored.production(world.desk)):
        store.remove(OLD)
    stray = stored.put(world.desk, OLD.replace("0001", "0009")).id

    assert world.list(check=True).code == 0
    assert (world.row(stray)["proven"], world.row(stray)["recorded"]) == (False, False)
    assert OLD not in [row["backup"] for row in world.list().data["backups"]]


def test_a_backup_that_is_nowhere_is_missed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it was taken by a desk that did not record the machine."""
    events = [stored.proof(world.desk, each) for each in world.manifests.values()]
    old = stored.proof(world.desk, world.manifests[OLD], machine=None, bucket=None, place="/x")
    stored.use_ledger(monkeypatch, old, *events[1:])
    for store in storage.stores(world.desk, stored.production(world.desk)):
        store.remove(OLD)

    assert f"`{OLD}` in /x: no copy of it can be found" in world.found()


def test_a_backup_on_another_machine_is_listed_there(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """From here nobody can say that it is intact, nor that it is lost."""
    laptop = {"machine": "laptop", "place": "/home/ada/desk/x", "bucket": None}
    events = [stored.proof(world.desk, each) for each in world.manifests.values()]
    stored.use_ledger(monkeypatch, stored.proof(world.desk, world.manifests[OLD], **laptop), *events[1:])
    for store in storage.stores(world.desk, stored.production(world.desk)):
        store.remove(OLD)
    row = world.row(OLD)

    assert world.list(check=True).code == 0
    assert (row["proven"], row["proven_at"], row["places"]) == (False, stored.NOW, [])
    assert row["copies"] == [
        {"place": "laptop:/home/ada/desk/x", "state": "elsewhere", "why": "on the disk of `laptop`"}
    ]


def test_where_the_newest_is_is_said_if_none_can_be_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop = {"machine": "laptop", "place": "/x", "bucket": None}
    stored.use_ledger(monkeypatch, stored.proof(world.desk, world.manifests[NEW], **laptop))
    for name in (OLD, MIDDLE, NEW):
        for store in storage.stores(world.desk, stored.production(world.desk)):
            store.remove(name)
    said = world.found()

    assert "there is no backup that can be read here" in said
    assert f"`{NEW}` is proven, and can't be used here: by the ledger it is on `laptop` in `/x`" in said


def test_the_newest_must_be_in_the_bucket(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the ledger does not say that it ever was; an older one that never was need not be."""
    events = [stored.proof(world.desk, each, bucket=None) for each in world.manifests.values()]
    stored.use_ledger(monkeypatch, *events)
    bucket = storage.bucket_store(world.desk, stored.production(world.desk))
    assert bucket
    for name in (OLD, NEW):
        bucket.remove(name)

    assert [line.strip() for line in world.found().splitlines()[1:]] == [
        f"| production: `{NEW}` in {bucket.place}: nothing of it is there"
    ]
