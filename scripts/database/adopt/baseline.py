"""`db.adopt --baseline`: one migration of what stands: proven on a scratch server, written, recorded."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from scripts.config.consent import require_consent
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.database.adopt import judge, replay
from scripts.database.adopt.history import Adoption
from scripts.database.adopt.judge import Elements
from scripts.database.adopt.record import TASK, record
from scripts.database.backups import toc
from scripts.database.backups.dumping import write_private
from scripts.database.migrations import source
from scripts.database.migrations.apply import ScratchProject, scratch_project
from scripts.database.migrations.files import HISTORY, Applied, Migration, applied_migrations, migrations_of
from scripts.database.postgres import dump, scratch
from scripts.database.postgres.archive_toc import Entry, list_text
from scripts.database.postgres.client import required_database, session
from scripts.database.postgres.pg_restore import Archive
from scripts.database.postgres.programs import programs_for
from scripts.database.postgres.url import Database
from scripts.database.request import AdoptRequest
from scripts.errors import Refused, ReleaseFailed
from scripts.secrets.finding import Finding, errors
from scripts.secrets.scan import ScanInputs, scan
from scripts.state.operation import locked_operation
from scripts.state.remote import observe_remote
from scripts.state.waiting import retry_while_locked
from scripts.system import temporary
from scripts.system.process import attempt
from scripts.system.text import listed

if TYPE_CHECKING:
    import psycopg

KEY_RULE = "LEAK003"  # a key that is known by its format
SHOWN = 20  # differences that a message lists
HEAD = """-- What stood in {name} before its first migration, made by `db.adopt --baseline`.
-- A project grants new tables to the API's roles: not while this runs, which says itself what is granted.
alter default privileges in schema public revoke all on tables from anon, authenticated, service_role;
alter default privileges in schema public revoke all on functions from anon, authenticated, service_role;
alter default privileges in schema public revoke all on sequences from anon, authenticated, service_role;
"""
JOBS = """select format('select cron.schedule(%L, %L, %L);', coalesce(jobname, 'job ' || jobid),
  schedule, command) from cron.job order by jobid"""
JOBS_EXIST = "select to_regclass('cron.job') is not null"


class Baseline(NamedTuple):
    """The file, and where it goes; `planned`: the digest of the schema, and the history, that it is of."""

    migration: Migration
    path: Path
    planned: tuple[str, Sequence[Applied]]
    adopted: Adoption


def make(desk: Desk, environment: Environment, request: AdoptRequest) -> Outcome:
    """Make the file of the live schema, prove it, ask, write it, and record it as applied."""
    database = required_database(desk, environment)
    _require_none(desk, environment, request.sha)
    history = applied_migrations(desk, environment) or ()
    live = replay.look(database, ())
    planned = judge.digest(live.elements), history
    with scratch_project(desk, environment) as project:
        fresh = project.fresh("baseline")
        desk.progress.note(f"reading the schema of {environment.name}")
        schema = _schema(desk, database, scratch.installed_objects(fresh))
        made = _baseline(desk, environment, schema, planned)
        desk.progress.note("applying it to a new project in a scratch database, to compare")
        different = _unlike(project, fresh, made.migration, live)
    data = _document(environment, made, different)
    secret = [f"line {each.line}: {each.message}" for each in _secrets(made.migration)]
    if different or secret:
        return _kept_beside(desk, made, (different, secret), data)
    lines = made.migration.sql.count("\n")
    rows = f"; rows of its history dropped: {len(made.adopted.drop)}" if made.adopted.drop else ""
    desk.progress.show([f"{made.path}: {lines} lines, which make what stands in {environment.name}"])
    if request.plan:
        said = (
            f"{made.migration.file} would be written, and recorded as applied to {environment.name}{rows}"
        )
        return Outcome.done(f"{said}; nothing was changed", **data)
    unchanged = "no file was written, and nothing recorded"
    require_consent(desk.progress, environment, yes=request.yes, unchanged=unchanged, data=data)
    made.path.parent.mkdir(parents=True, exist_ok=True)
    with made.path.open("x", encoding="utf-8") as file:
        file.write(made.migration.sql)
    return retry_while_locked(
        desk,
        lambda: _record(desk, environment, made, request.reason, data),
        wait=request.wait,
        environments=[environment],
    )


def _require_none(desk: Desk, environment: Environment, sha: str) -> None:
    remote = observe_remote(desk)
    commit = desk.git.resolve(sha, remote.refs) if sha else remote.head(environment)
    files = migrations_of(desk, commit) if commit else ()
    if files:
        raise Refused(
            f"`{(commit or '')[:12]}` has {len(files)} migrations: a baseline is for a team that has none",
            f"`invoke db.adopt --env {environment.name} --plan` says which of them stand",
        )


def _baseline(
    desk: Desk, environment: Environment, schema: str, planned: tuple[str, Sequence[Applied]]
) -> Baseline:
    """The live schema as one migration, newer than all that was applied."""
    now = datetime.fromisoformat(desk.now()).astimezone(UTC).strftime(source.STAMP)
    newest = max((row.version for row in planned[1]), default="")
    version = max(now, str(int(newest) + 1)) if len(newest) == len(now) else now
    sql = HEAD.format(name=environment.name) + schema
    migration = Migration(version, f"{version}_baseline.sql", sql)
    drop = tuple((row.version, "the baseline makes all that stands") for row in planned[1])
    path = desk.git.folder / desk.settings.app.migrations / migration.file
    return Baseline(migration, path, planned, Adoption((version,), drop))


def _schema(desk: Desk, database: Database, installed: Collection[str]) -> str:
    """The app's schemas, what it attached to the platform's tables, and its cron jobs; without owners.

    Args:
        installed: what a new project has outside of its schemas.
    """
    programs = programs_for(desk, scratch.server_major(database))
    with temporary.folder() as folder:
        file = folder / "schema"
        dump.require_clean(attempt(dump.schema_command(programs, database, file)), "`pg_dump`")
        archive = Archive(file, programs.folder / "pg_restore")
        lists = toc.classify(archive.contents())
        wanted = {entry.number for entry in _wanted(lists, installed)}
        text = archive.sql_without_owners(list_text(e for e in lists.order if e.number in wanted))
    with session(database) as connection:
        return text.decode("utf-8", "surrogateescape") + "".join(_jobs(connection))


def _wanted(lists: toc.Lists, installed: Collection[str]) -> Iterator[Entry]:
    for entry in lists.database:
        own = entry.about_schema == "public" and entry.kind != "ACL"  # every project has it
        platform = entry.tag in toc.EXTENSIONS or entry.tag.startswith("supabase_")
        about = entry.kind == "COMMENT" and entry.tag.startswith("EXTENSION ")
        if not (own or platform or about or toc.exists(entry, installed)):
            yield entry
    for entry in (*lists.app, *lists.extras):
        if HISTORY not in (entry.schema, entry.about_schema):
            yield entry


def _jobs(connection: psycopg.Connection[Any]) -> Iterator[str]:
    if connection.execute(JOBS_EXIST).fetchall()[0][0]:
        yield from (f"{row[0]}\n" for row in connection.execute(JOBS))


def _unlike(
    project: ScratchProject, database: Database, migration: Migration, live: replay.Live
) -> tuple[str, ...]:
    """What the file, applied by the Supabase CLI to a new project, makes otherwise than it stands."""
    with session(database) as connection:
        fresh = replay.elements(connection, live.major)
    try:
        project.push(database, [migration])
    except ReleaseFailed as fault:
        return tuple(fault.message.splitlines())
    with session(database) as connection:
        made = replay.elements(connection, live.major)
    differing = judge.changes(made, live.elements)
    return tuple(
        f"{'only live' if old is None else 'only in the file' if new is None else 'different'}:"
        f" {judge.shown(element)}"
        for element, (old, new) in differing.items()
        if not _is_the_platform_s(element[0], fresh, made)
    )


def _is_the_platform_s(thing: str, fresh: Elements, made: Elements) -> bool:
    """What a hosted project has otherwise than a scratch server, and the file does not touch."""
    return thing.startswith(judge.OF_THE_PROJECT) or (thing in fresh and fresh[thing] == made.get(thing))


def _secrets(migration: Migration) -> tuple[Finding, ...]:
    """Keys in it, as of a webhook or a cron job: a committed file must not have them."""
    found = scan({migration.file: migration.sql.encode("utf-8", "surrogateescape")}, ScanInputs())
    return tuple(each for each in errors(found) if each.rule == KEY_RULE)


def _kept_beside(
    desk: Desk, made: Baseline, faults: tuple[Sequence[str], Sequence[str]], data: dict[str, Any]
) -> Outcome:
    """Kept on this machine for a person to fix: nothing is written into the app, nothing recorded."""
    different, secret = faults
    kept = desk.state_folder / made.migration.file
    kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(kept, made.migration.sql)
    name = data["environment"]
    why = f"a file of the schema does not make what stands in {name}:{listed(different, SHOWN)}"
    if not different:
        why = f"a file of the schema of {name} would hold secrets:{listed(secret, SHOWN)}"
    return Outcome.failed(
        why,
        f"fix `{kept}`, put it into `{desk.settings.app.migrations}`, commit it; then"
        f" `invoke db.adopt --env {name}` judges and records it",
        **data,
    )


def _record(
    desk: Desk, environment: Environment, made: Baseline, reason: str, data: dict[str, Any]
) -> Outcome:
    database = required_database(desk, environment)
    adopted, name = made.adopted, environment.name
    wanted = {"record": list(adopted.record), "drop": list(adopted.dropped)}
    with locked_operation(desk, environment, TASK, about="", reason=reason, request=wanted) as operation:
        event = record(operation, database, [made.migration], made.planned, adopted)
    file = f"{desk.settings.app.migrations}/{made.migration.file}"
    return Outcome.done(
        f"{file} is written, and recorded as applied to {name}",
        f"`git add {file} && git commit -m 'Baseline'`, and push it to `{environment.branch}`: until then"
        " the history is ahead of it",
        **data,
        run=event.run,
        schema=event.detail["schema"],
        steps=event.detail["steps"],
    )


def _document(environment: Environment, made: Baseline, different: Sequence[str]) -> dict[str, Any]:
    """The task's part of the JSON."""
    return {
        "environment": environment.name,
        "file": made.migration.file,
        "path": str(made.path),
        "record": list(made.adopted.record),
        "drop": list(made.adopted.dropped),
        "different": list(different),
    }
