"""`db.refresh`: what is refused before anything is read, and what is tidied up afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.config.parse import parse
from scripts.config.settings import Environment, Settings
from scripts.database.backups import scratch_server
from scripts.database.backups.unproven import Foreseen
from scripts.database.migrations.files import Applied, Migration, compare
from scripts.database.refresh import command
from scripts.database.refresh.rules import Column
from scripts.database.request import RefreshRequest
from scripts.database.restore import swap_schemas
from scripts.database.restore.swap_schemas import OldSchema
from scripts.errors import ConfigError, Declined, Refused, Unreachable
from scripts.state.ledger import Event, Ledger
from scripts.state.remote import Remote

SHIPPED = Path(__file__).parents[4] / "env/masking.toml"


def environment(name: str, **more: Any) -> dict[str, Any]:
    url = f"http://127.0.0.1:9/{name}"
    return {"branch": name, "url": url, "ssh_host": name, "publish": "manual", **more}


def settings() -> Settings:
    chain = ["staging", "production"]
    environments = {
        "staging": environment("staging"),
        "production": environment("production", guarded=True),
    }
    return parse({"chain": chain, "environment": environments})


class Desk:
    """Two environments, and a folder with rules."""

    def __init__(self, folder: Path) -> None:
        self.settings = settings()
        self.config_folder = folder
        self.notes: list[str] = []
        self.progress = SimpleNamespace(note=self.notes.append, confirm=lambda _word: False)
        self.clock = lambda: 0.0

    def values(self, _environment: Environment) -> dict[str, str]:
        return {"MASKING_KEY": "0" * 64}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A desk with the shipped rules, whose database has one column that they know."""
    (tmp_path / "masking.toml").write_text(SHIPPED.read_text())
    monkeypatch.setattr(command, "required_database", lambda *_: None)
    columns = (Column("public.messages", "body", "text"), Column("public.messages", "id", "uuid", key=True))
    monkeypatch.setattr(command, "app_columns", lambda _: columns)
    monkeypatch.setattr(command, "check_expressions", lambda *_: iter(()))
    monkeypatch.setattr(command, "foresee", lambda *_: None)
    return Desk(tmp_path)


@pytest.mark.parametrize(
    ("to", "from_", "why"),
    [("production", "staging", "production is guarded"), ("staging", "staging", "is the source itself")],
)
def test_a_guarded_environment_and_the_source_are_never_refreshed(
    desk: Any, to: str, from_: str, why: str
) -> None:
    """The hint names the first of the chain."""
    with pytest.raises(Refused, match=why) as error:
        command.refresh(desk, RefreshRequest(to=to, from_=from_))

    assert error.value.hint == "`invoke db.refresh --to staging`"


def test_the_plan_says_what_is_masked_and_how(desk: Any) -> None:
    """The source is the last of the chain if it is left out."""
    outcome = command.refresh(desk, RefreshRequest(to="staging", plan=True))

    assert outcome.message == "the rules fit production; nothing was changed"
    assert outcome.data["masked"] == {"public.messages.body": "fake text"}
    assert (outcome.data["source"], outcome.data["backup"]) == ("production", None)
    assert desk.notes == ["1 of 2 columns of production are masked"]


def test_extensions_that_the_scratch_server_lacks_are_told_before_a_backup_is_taken(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the plan, too; with the packages."""
    lacking = Foreseen(("vector",), ("table public.docs",), 17)
    monkeypatch.setattr(command, "foresee", lambda *_: lacking)
    with pytest.raises(Refused, match=r"lacks `vector`(.|\n)*table public\.docs") as caught:
        command.refresh(desk, RefreshRequest(to="staging", plan=True))

    assert "postgresql-17-pgvector" in (caught.value.hint or "")


def test_nothing_happens_without_consent(desk: Any) -> None:
    """The target's name is to be typed."""
    with pytest.raises(Declined, match="nothing was changed"):
        command.refresh(desk, RefreshRequest(to="staging"))


def test_missing_rules_and_faulty_ones_are_refused(desk: Any) -> None:
    """Each fault is listed."""
    staging, production = desk.settings.environment("staging"), desk.settings.environment("production")
    file = desk.config_folder / "masking.toml"
    file.write_text('domain = "gmail.com"\nwrong = 1\n')
    with pytest.raises(ConfigError, match="has faults") as error:
        command.read_rules(desk, production, staging)
    assert error.value.message.count("\n  | ") == 2

    file.unlink()
    with pytest.raises(ConfigError, match="is missing: it says what may be copied"):
        command.read_rules(desk, production, staging)


def test_the_digest_follows_the_rules_and_not_their_layout(desk: Any) -> None:
    """A comment changes nothing; a rule does."""
    staging, production = desk.settings.environment("staging"), desk.settings.environment("production")
    file, text = desk.config_folder / "masking.toml", SHIPPED.read_text()

    def digest(content: str) -> str:
        file.write_text(content)
        return command.read_rules(desk, production, staging).digest

    assert digest(text) == digest(f"# a comment\n{text}")
    assert digest(text) != digest(text.replace('body = "fake text"', 'body = "keep"'))


def test_a_rule_that_the_server_objects_to_is_refused_in_the_plan(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in the midst of the run."""
    monkeypatch.setattr(command, "check_expressions", lambda *_: iter(["`public.messages.body`: no"]))
    with pytest.raises(Refused, match=r"`public\.messages\.body`: no"):
        command.refresh(desk, RefreshRequest(to="staging", plan=True))


def test_a_target_that_disagrees_with_its_files_is_refused(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The schema to end with would not be known; pending files are no disagreement."""
    files = (Migration("1", "1_a.sql", "select 1"), Migration("2", "2_b.sql", "select 2"))

    def status(*applied: Applied) -> None:
        found = SimpleNamespace(
            comparison=compare(files, applied), problems=("edited",), applied=applied, committed=files
        )
        monkeypatch.setattr(command, "schema_status", lambda *_: found)

    monkeypatch.setattr(command, "observe_remote", lambda _: None)
    work: Any = SimpleNamespace(
        target=desk.settings.environment("staging"), source=desk.settings.environment("production")
    )
    status(Applied("1", "a", ("select 1",)))
    assert command._migrations(desk, work) == (files[:1], files)
    status(Applied("1", "a", ("select 7",)))
    with pytest.raises(Refused, match="staging and its migrations disagree"):
        command._migrations(desk, work)


def test_a_source_without_a_history_has_no_files(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The team knows those of the target alone."""
    files = (Migration("1", "1_a.sql", "select 1"),)
    applied = (Applied("1", "a", ("select 1",)),)
    found = SimpleNamespace(
        comparison=compare(files, applied), problems=(), applied=applied, committed=files
    )

    def status(_desk: object, _remote: object, environment: Environment) -> Any:
        if environment.name == "production":
            raise Unreachable("no answer")
        return found

    monkeypatch.setattr(command, "schema_status", status)
    monkeypatch.setattr(command, "observe_remote", lambda _: None)
    work: Any = SimpleNamespace(
        target=desk.settings.environment("staging"), source=desk.settings.environment("production")
    )

    assert command._migrations(desk, work) == (files, files)


def test_only_the_old_schemas_of_refreshes_are_dropped(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a restore are somebody's way back; a dead run's refresh is in the ledger as another's."""

    def event(kind: str, run: str, **detail: Any) -> Event:
        return Event("staging", kind, "done", "", "c", "Ada", "t", run, detail)

    ledger = Ledger(
        "x", (event("refresh", "r1"), event("refresh", "heir", of_run="r2"), event("restore", "r3"))
    )
    names = [f"desk_aside_{run}_public" for run in ("r1", "r2", "r3", "r10")]
    dropped: list[str] = []

    @contextlib.contextmanager
    def session(_database: object) -> Iterator[None]:
        yield

    monkeypatch.setattr(command, "session", session)
    monkeypatch.setattr(command, "observe_remote", lambda _: Remote({}, ledger))
    monkeypatch.setattr(swap_schemas, "old_schemas", lambda _: [OldSchema(name, "", 1) for name in names])
    monkeypatch.setattr(swap_schemas, "drop_old_schemas", lambda _, chosen: dropped.extend(chosen))
    command.drop_old_schemas_of_refreshes(desk, desk.settings.environment("staging"))

    assert dropped == names[:2]


def test_old_schemas_that_can_not_be_dropped_are_a_warning(
    desk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refresh is done all the same."""

    def observe_remote(_desk: object) -> Remote:
        raise Unreachable("no connection")

    monkeypatch.setattr(command, "observe_remote", observe_remote)
    command.drop_old_schemas_of_refreshes(desk, desk.settings.environment("staging"))

    assert desk.notes[-1].startswith("warning: the old schemas are still there: no connection")


@pytest.mark.parametrize("fails", ["at the end", "before"])
def test_a_scratch_server_that_stays_does_not_undo_what_is_done(
    desk: Any, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    """Its disk may be full; what fails before it is done fails."""

    @contextlib.contextmanager
    def fetched(*_: object) -> Iterator[Any]:
        yield Path(), SimpleNamespace(policy=None, started="today")

    @contextlib.contextmanager
    def databases(*_: object) -> Iterator[None]:
        yield
        raise Unreachable("no space left")

    monkeypatch.setattr(command, "_migrations", lambda *_: ((), ()))
    monkeypatch.setattr(command, "observe_remote", lambda _: Remote({}, Ledger("x", ())))
    monkeypatch.setattr(command, "fetch_backup", fetched)
    monkeypatch.setattr(scratch_server, "databases_for", databases)
    operation: Any = SimpleNamespace(desk=desk)
    work: Any = SimpleNamespace(source=None, target=None)

    with command._inputs(operation, work, "b") if fails == "at the end" else contextlib.nullcontext():
        pass
    if fails == "at the end":
        assert desk.notes[-1] == "warning: the scratch server is not removed: no space left"
        return
    with pytest.raises(Unreachable, match="gone"), command._inputs(operation, work, "b"):
        raise Unreachable("gone")
