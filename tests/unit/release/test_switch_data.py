"""A rollback takes the data back: the order of it, what is told, and what is known after a fault.

The switch itself needs a server: `tests/integration/test_with_data.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.database.postgres import scratch
from scripts.database.postgres.client import Row
from scripts.database.restore import in_place, way_back
from scripts.database.restore.kept import Kept
from scripts.database.restore.partial_plan import PartialRestore, TableMerge
from scripts.database.restore.plan import Change, Counts, RestorePlan
from scripts.database.restore.way_back import PutBack
from scripts.errors import CommandFailed, LiveUnknown, Locked, Refused, Unreachable
from scripts.release import switch_data
from scripts.release.run import ReleaseRun
from scripts.state.ledger import Event, Ledger
from tests.fakes.database import FakeDatabase
from tests.fakes.world import World, ending
from tests.unit.release.samples import A, begun, event, manifest

BACKUP = manifest("1", id="b1", environment="development")
CHANGE = Change("public.t", before=10, now=12, inserted=2, updated=1, deleted=0)
DATA = RestorePlan(BACKUP, (CHANGE,), {}, None, 30.0, safety=False)
KEEPS = PartialRestore((TableMerge("public.t", "both", ("a",), change=CHANGE),), {})
COUNTED = Counts((Change("public.t", 10, 15, 4, 3, 0),), {"public.u": 2})
KEPT = Kept("r7", "until the restore of b1", {"public": "desk_aside_r7_public"}, outcome={"scope": "full"})


@dataclass
class Server:
    """What the parts of a switch do.

    Args:
        faults: by name of a part: what it raises.
        calls: the parts that were called.
    """

    faults: dict[str, Exception] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def part(self, name: str, result: Any = None) -> Callable[..., Any]:
        """One part."""

        def work(*_arguments: Any, **_more: Any) -> Any:
            self.calls.append(name)
            if name in self.faults:
                raise self.faults[name]
            return result

        return work

    def restore(self, *_arguments: Any, **more: Any) -> Any:
        """Count, and commit."""
        merging = more["before_commit"]
        self.calls.append("merge and restore" if merging else "restore")
        if "restore" in self.faults:
            raise self.faults["restore"]
        if merging:
            merging.kept = {"public.t": 5}
        assert more["final"] is False  # the older code is still to be published
        return more["tell"](COUNTED)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """One at which everything works."""
    made = Server()

    @contextmanager
    def fetch(*_: object) -> Iterator[Any]:
        made.part("fetch")()
        yield Path("/backup"), BACKUP

    source = SimpleNamespace(lists=SimpleNamespace(tables=("public.t",)))
    monkeypatch.setattr(switch_data, "fetch_backup", fetch)
    monkeypatch.setattr(switch_data, "take_safety_backup", made.part("safety", "safe-1"))
    monkeypatch.setattr(scratch, "server_major", lambda _: 17)
    monkeypatch.setattr(in_place, "open_source", made.part("open", source))
    monkeypatch.setattr(in_place, "rehearse", made.part("rehearse"))
    monkeypatch.setattr(in_place, "restore", made.restore)
    monkeypatch.setattr(in_place, "analyze_tables", made.part("analyze"))
    return made


@pytest.fixture
def run(world: World, server: Server) -> ReleaseRun:
    """A rollback of everything that has changed nothing yet."""
    made = begun(world)
    target = event("development", "v1", A)
    made.plan = replace(made.plan, facts=replace(made.plan.facts, data=DATA, target=target), scope="full")
    return made


@pytest.fixture
def tables(run: ReleaseRun) -> ReleaseRun:
    """The same by the touched tables alone."""
    run.plan = replace(run.plan, facts=replace(run.plan.facts, keeps=KEEPS), scope="tables")
    return run


@pytest.fixture
def database(world: World) -> FakeDatabase:
    """After the switch the history is that of the backup."""
    made = world.databases["development"]
    made.rows.append(Row("20230101000000", "old", ()))
    return made


def test_the_whole_is_rehearsed_before_it_is_done(run: ReleaseRun, server: Server) -> None:
    """And the backup is fetched once for both."""
    switch_data.take_back(run)

    assert server.calls == ["fetch", "open", "rehearse", "restore"]
    assert [step["name"] for step in run.steps][1:] == ["rehearse"]


@pytest.mark.parametrize("fault", [None, CommandFailed("`x` on `auth.users` must go")])
def test_the_way_back_is_rehearsed_too(
    world: World, run: ReleaseRun, monkeypatch: pytest.MonkeyPatch, fault: Exception | None
) -> None:
    """If it fails, that is a warning."""
    tried: list[str] = []

    def rehearse(*_: object, way_back: Callable[[object, Kept], None], **__: object) -> None:
        way_back(None, KEPT)

    def back(_connection: object, kept: Kept, name: str) -> None:
        tried.append(f"{kept.run} under {name}")
        if fault:
            raise fault

    monkeypatch.setattr(in_place, "rehearse", rehearse)
    monkeypatch.setattr(way_back, "rehearse", back)
    switch_data.take_back(run)
    notes: Any = run.desk.progress

    assert tried == [f"r7 under {run.id}b"]
    assert any("the present data can't be put back" in line for line in notes.lines) == bool(fault)


def test_a_guarded_environment_is_backed_up_in_between(run: ReleaseRun, server: Server) -> None:
    facts = run.plan.facts
    guarded = facts.environment._replace(guarded=True)
    run.plan = replace(run.plan, facts=replace(facts, environment=guarded))
    switch_data.take_back(run)

    assert server.calls == ["fetch", "open", "rehearse", "safety", "restore"]
    assert run.restored is not None
    assert run.restored["safety_backup"] == "safe-1"


def test_what_was_lost_is_what_was_counted(run: ReleaseRun, server: Server, database: FakeDatabase) -> None:
    """Not what the plan had said; with the way back, and the schema that stands now."""
    switch_data.take_back(run)

    assert run.restored is not None
    assert {
        key: run.restored[key] for key in ("backup", "lost", "planned", "scope", "late", "way_back")
    } == {
        "backup": "b1",
        "lost": 4 + 3 + 2,
        "planned": 3,
        "scope": "full",
        "late": {"public.t": 4, "public.u": 2},
        "way_back": f"`invoke db.restore {run.id} --from-aside --env development`",
    }
    assert (run.switched, run.restored["aside"]) == (run.id, run.id)
    assert run.schema == "20230101000000"


def test_rows_that_touched_tables_keep_are_not_lost(tables: ReleaseRun, server: Server) -> None:
    """They are told apart; the plan of that scope is what the count is compared with."""
    switch_data.take_back(tables)

    assert "merge and restore" in server.calls
    assert tables.restored is not None
    assert (tables.restored["kept"], tables.restored["touched"]) == ({"public.t": 5}, ["public.t"])
    assert (tables.restored["planned"], tables.restored["lost"]) == (1, 9)


def test_a_rollback_without_data_switches_nothing(run: ReleaseRun, server: Server) -> None:
    run.plan = replace(run.plan, facts=replace(run.plan.facts, data=None))
    switch_data.take_back(run)

    assert (server.calls, run.restored) == ([], None)


def test_data_that_are_switched_are_not_switched_again(run: ReleaseRun, server: Server) -> None:
    run.switched = "r7"
    switch_data.take_back(run)

    assert server.calls == []


@pytest.mark.parametrize("part", ["fetch", "open", "rehearse", "restore"])
def test_whatever_fails_has_changed_nothing(run: ReleaseRun, server: Server, part: str) -> None:
    """That is said, with the command that does it again."""
    server.faults[part] = Refused("no room left")
    error = ending(lambda: switch_data.take_back(run))

    assert type(error) is CommandFailed
    assert "the data of development did not go back: no room left\n  | nothing was changed" in error.message
    assert error.hint == "again: `invoke rollback --env development --to v1 --with-data`"
    assert (run.restored, run.switched) == (None, "")


def test_where_the_touched_tables_fail_the_whole_is_another_way(tables: ReleaseRun, server: Server) -> None:
    server.faults["rehearse"] = CommandFailed("rows would refer to nothing", "fix them")
    error = ending(lambda: switch_data.take_back(tables))

    assert str(error.hint).startswith("fix them; again: ")
    assert "`invoke rollback --env development --to v1 --scope full`" in str(error.hint)


@pytest.mark.parametrize("fault", [LiveUnknown("nobody knows", resumable=True), Locked("taken over")])
def test_what_is_no_failure_of_the_data_is_told_as_it_is(
    run: ReleaseRun, server: Server, fault: Exception
) -> None:
    """Its commit may have arrived: `resume` asks the server."""
    server.faults["restore"] = fault

    assert ending(lambda: switch_data.take_back(run)) is fault


def test_statistics_that_fail_are_a_warning(run: ReleaseRun, server: Server) -> None:
    """The data are back."""
    server.faults["analyze"] = CommandFailed("it took too long")
    switch_data.take_back(run)
    switch_data.analyze(run)

    assert run.steps[-1] == {"name": "analyze", "seconds": 0.0, "ending": "failed"}


def test_a_history_that_can_not_be_read_afterwards_is_no_failure(
    run: ReleaseRun, server: Server, database: FakeDatabase
) -> None:
    """The schema is then what was known before."""

    def away() -> list[Row]:
        raise Unreachable("no connection")

    database.history = away  # type: ignore[method-assign]
    switch_data.take_back(run)

    assert run.restored is not None


# ------------------------------------------------------------------------------- whose switch it was


def told(run: str, aside: str) -> Event:
    """An event of a rollback that switched the data."""
    return Event(
        "development", "rollback", "done", "v3", A, "Ada", "t", run, {"restored": {"aside": aside}}
    )


@pytest.mark.parametrize(
    ("kept", "events", "found"),
    [
        (KEPT, (), "r7"),
        (KEPT, (told("r7", "r7"),), None),
        (KEPT, (told("r9", "r7"),), None),  # somebody resumed it
        (replace(KEPT, outcome={}), (), None),  # of a restore or a refresh
    ],
)
def test_a_switch_is_open_until_the_ledger_knows_it(
    world: World, run: ReleaseRun, kept: Kept, events: tuple[Event, ...], found: str | None
) -> None:
    world.kept["development"] = [kept]
    ledger = Ledger("tip", events)
    switch = switch_data.unrecorded(run.desk, run.environment, ledger)

    assert (switch.run if switch else None) == found


def test_a_server_that_is_away_leaves_the_data_unknown(
    run: ReleaseRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock stays for `resume`."""

    def away(*_: object) -> list[Kept]:
        raise Unreachable("no connection")

    monkeypatch.setattr(way_back, "kept_sets", away)
    error = ending(lambda: switch_data.unrecorded(run.desk, run.environment, run.plan.facts.ledger))

    assert isinstance(error, LiveUnknown)
    assert error.resumable


def test_the_run_itself_asks_only_after_its_commit_had_begun(world: World, run: ReleaseRun) -> None:
    world.kept["development"] = [KEPT]
    switch_data.find_own(run)
    assert run.switched == ""
    run.steps.append({"name": "switch", "seconds": 0.0, "ending": "failed"})
    switch_data.find_own(run)

    assert (run.switched, run.restored) == ("r7", {"scope": "full"})


@pytest.mark.parametrize(
    ("back", "said"),
    [
        (PutBack(Counts((), {}), aside=False), "every row"),
        (None, "every row"),
        (PutBack(COUNTED, aside=True), "9 rows are live no longer"),
    ],
)
def test_rows_written_meanwhile_are_named_when_the_data_come_back(
    world: World, run: ReleaseRun, monkeypatch: pytest.MonkeyPatch, back: PutBack | None, said: str
) -> None:
    """They are kept under a name of their own."""
    world.kept["development"] = [KEPT]
    run.switched, run.restored = "r7", {"scope": "full"}
    under: list[str] = []

    def put_back(*_: object, run: str, **__: object) -> PutBack | None:
        under.append(run)
        return back

    monkeypatch.setattr(way_back, "put_back", put_back)
    words = switch_data.put_back(run)

    assert said in words
    assert (f"--from-aside --env {run.environment.name}" in words) == bool(back and back.aside)
    assert run.switched == ""
    assert run.restored is None
    assert under[0] not in (run.id, "r7")  # these names are taken
