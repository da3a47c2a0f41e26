"""What a rollback with its data would lose: which backup fits, and what stands against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from scripts.database.backups import storage
from scripts.database.backups.manifest import Manifest
from scripts.database.postgres import scratch
from scripts.database.restore import in_place, losses, partial_restore
from scripts.database.restore.partial_plan import PartialRestore, TableMerge
from scripts.database.restore.plan import Change, RestorePlan
from scripts.errors import Refused, Unreachable
from scripts.release import restore_data
from scripts.release.facts import Facts
from tests.fakes.world import World, ending
from tests.unit.release.samples import DEPLOY, ONE, ROW_ONE, A, C, event, ledger, manifest

BACKUP = manifest("1", id="b1", environment="development")
CHANGE = Change("public.t", before=10, now=12, inserted=2, updated=1, deleted=0)
DATA = RestorePlan(BACKUP, (CHANGE,), {}, None, 30.0, safety=False)
KEEPS = PartialRestore((TableMerge("public.t", "both", ("a",), change=CHANGE),), {})
BACK = replace(
    DEPLOY,
    target=event("development", "v1", A),
    ledger=ledger(event("development", "v1", A), event("development", "v2", C)),
    committed=(ONE,),
    applied=(ROW_ONE,),
)


@dataclass
class Store:
    """Backups, and what a restore of one does.

    Args:
        manifests: what is stored, oldest first.
        proven: which of them the ledger calls proven.
        fetched: which were fetched.
        faults: by name of a part of the restore: what it raises.
    """

    manifests: list[Manifest]
    proven: set[str]
    fetched: list[str] = field(default_factory=list)
    faults: dict[str, Exception] = field(default_factory=dict)
    keeps: Any = KEEPS
    major: int = 17
    calls: list[str] = field(default_factory=list)

    def part(self, name: str, result: Any = None) -> Callable[..., Any]:
        """A part of the restore."""

        def work(*_arguments: Any, **_more: Any) -> Any:
            self.calls.append(name)
            if name in self.faults:
                raise self.faults[name]
            return result

        return work


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    """One backup, proven, that fits."""
    made = Store([BACKUP], {"b1"})

    @contextmanager
    def fetch(_desk: object, _environment: object, name: str, _ledger: object) -> Iterator[Any]:
        made.fetched.append(name)
        if "fetch" in made.faults:
            raise made.faults["fetch"]
        yield Path("/backup"), next(each for each in made.manifests if each.id == name)

    def proven(*_: object) -> Iterator[Manifest]:
        return (each for each in reversed(made.manifests) if each.id in made.proven)

    def keeps(*_: object) -> Any:
        if isinstance(made.keeps, Exception):
            raise made.keeps
        return made.keeps

    monkeypatch.setattr(restore_data, "fetch_backup", fetch)
    monkeypatch.setattr(storage, "proven_backups", proven)
    monkeypatch.setattr(scratch, "server_major", lambda _: made.major)
    monkeypatch.setattr(losses, "plan_restore", made.part("losses", DATA))
    monkeypatch.setattr(partial_restore, "plan_partial_restore", keeps)
    monkeypatch.setattr(in_place, "open_source", made.part("open", "source"))
    return made


def with_losses(world: World, backup: str = "", facts: Facts = BACK) -> Facts:
    """The facts, with what going back to the backup would lose."""
    return restore_data.with_losses(world.desk(), facts, backup)


def test_the_newest_proven_backup_that_fits_is_looked_at(world: World, store: Store) -> None:
    """What it would lose, as a whole and by the touched tables alone."""
    store.manifests.append(replace(BACKUP, id="b2"))
    store.proven.add("b2")
    facts = with_losses(world)

    assert store.fetched == ["b2"]
    assert (facts.data, facts.keeps, facts.no_data, facts.no_keeps) == (DATA, KEEPS, "", "")


@pytest.mark.parametrize(
    "newer",
    [replace(BACKUP, id="b2", policy="digest"), replace(BACKUP, id="b2", migrations={"1": "", "9": ""})],
    ids=["masked", "another schema"],
)
def test_a_newer_one_that_does_not_fit_is_passed_over(world: World, store: Store, newer: Manifest) -> None:
    """Masked rows are never a way back."""
    store.manifests.append(newer)
    store.proven.add("b2")
    with_losses(world)

    assert store.fetched == ["b1"]


@pytest.mark.parametrize("lacking", ["proof", "schema", "backup"])
def test_without_a_backup_that_fits_the_reason_is_a_fact(world: World, store: Store, lacking: str) -> None:
    """The plan says it; nothing is fetched."""
    if lacking == "proof":
        store.proven.clear()
    if lacking == "schema":
        store.manifests[:] = [manifest("9", id="b1", environment="development")]
    if lacking == "backup":
        store.manifests.clear()
    facts = with_losses(world)

    assert facts.no_data == "no proven backup of development holds the schema of that release"
    assert (facts.data, store.fetched) == (None, [])


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (replace(BACKUP, project="other"), "is a backup of `other`, not of `app`"),
        (replace(BACKUP, environment="staging"), "is of staging"),
        (replace(BACKUP, server="18.1"), "`b1`"),
        (manifest("9", id="b1", environment="development"), "`b1` holds another schema than that release"),
    ],
)
def test_a_backup_that_was_named_must_fit_too(
    world: World, store: Store, held: Manifest, said: str
) -> None:
    """Else its reason is a fact."""
    store.manifests[:] = [held]
    facts = with_losses(world, "b1")

    assert said in facts.no_data
    assert facts.data is None
    assert "losses" not in store.calls


def test_a_backup_that_can_not_be_fetched_is_a_fact(world: World, store: Store) -> None:
    """Only the first line goes to the plan."""
    store.faults["fetch"] = Refused("`b1` can't be opened\n  | no key fits")

    assert with_losses(world, "b1").no_data == "`b1` can't be opened"


def test_where_the_touched_tables_can_not_go_alone_the_whole_still_can(world: World, store: Store) -> None:
    """The reason is a fact of its own."""
    store.keeps = Refused("`public.t` has no primary key\n  | more")
    facts = with_losses(world)

    assert (facts.data, facts.keeps, facts.no_keeps) == (DATA, None, "`public.t` has no primary key")


def test_an_environment_without_a_database_has_no_data_to_take_back(world: World, store: Store) -> None:
    environment = BACK.environment._replace(database=False)

    assert with_losses(world, facts=replace(BACK, environment=environment)).no_data


def test_a_server_that_is_away_ends_the_plan(world: World, store: Store) -> None:
    """It is no reason against the backup."""
    store.faults["losses"] = Unreachable("no connection")

    assert type(ending(lambda: with_losses(world))) is Unreachable
