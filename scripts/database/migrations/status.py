"""`db.status`: each database's history against the migrations of the commit that is live there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.database.edge_functions.observe import function_problems
from scripts.database.migrations import aftermath, differences, known_state, source
from scripts.database.migrations.files import (
    Applied,
    Comparison,
    Migration,
    app_tables,
    applied_migrations,
    compare,
    folder_of,
    newest,
)
from scripts.database.postgres.client import required_postgres
from scripts.database.request import DatabaseStatusRequest
from scripts.errors import DeskError, Refused
from scripts.state.ledger import Ledger
from scripts.state.remote import Remote, observe_remote
from scripts.system.text import listed

SHORT = range(3, 9)  # digits of a number, or of a day
SHOWN = 5  # files that a note names


@dataclass(frozen=True)
class SchemaStatus:
    """A database's history against the files of a commit.

    Args:
        malformed: files that the Supabase CLI would skip or misread, in words.
        untimed: files whose version is no time, which is an old habit and no problem.
        committed: those of the commit; after a rollback that left the schema ahead, those it was left at.
        ahead: the versions that the commit has no files of, because of that rollback.
        trouble: why nothing can be written to the database.
        half: that a part of a migration that failed still stands.
        lost: what the live release had left in the database, and is gone.
    """

    environment: Environment
    commit: str
    committed: tuple[Migration, ...]
    applied: tuple[Applied, ...]
    comparison: Comparison
    malformed: tuple[str, ...]
    trouble: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    half: tuple[str, ...] = ()
    untimed: tuple[str, ...] = ()
    ahead: tuple[str, ...] = ()

    @property
    def unrecorded(self) -> tuple[str, ...]:
        """Applied versions whose text was not recorded, so that an edit of their files can't be seen."""
        return tuple(row.version for row in self.applied if not row.statements)

    @property
    def problems(self) -> tuple[str, ...]:
        """Where the two disagree, in words; pending migrations are not a problem."""
        history = differences.history_problems(self.comparison)
        return (*self.trouble, *self.half, *self.lost, *history, *self.malformed)

    def document(self) -> dict[str, Any]:
        """The JSON of one environment."""
        comparison = self.comparison
        return {
            "name": self.environment.name,
            "commit": self.commit,
            "schema": newest(row.version for row in self.applied),
            "state": comparison.state,
            "pending": [file.file for file in comparison.pending],
            "missing": list(comparison.missing),
            "edited": [file.file for file in comparison.edited],
            "late": [file.file for file in comparison.late],
            "doubled": list(comparison.doubled),
            "malformed": list(self.malformed),
            "untimed": list(self.untimed),
            "ahead": list(self.ahead),
            "unrecorded": list(self.unrecorded),
            "problems": list(self.problems),
        }


def schema_status(desk: Desk, remote: Remote, environment: Environment, sha: str = "") -> SchemaStatus:
    """Read the history, and the files of `sha`, of the live release, or of the branch's head.

    Raises:
        Refused: the environment has no database, or no commit to compare it with.
        Unreachable: the database does not answer.
    """
    applied = applied_migrations(desk, environment)
    if applied is None:
        raise Refused(f"{environment.name} has no database")
    live = remote.ledger.live(environment.name)
    commit = (
        desk.git.resolve(sha, remote.refs) if sha else live.commit if live else remote.head(environment)
    )
    if commit is None:
        raise Refused(f"the remote has no branch `{environment.branch}`", "name a commit: `--sha REV`")
    folder = folder_of(desk, commit)
    committed = folder.migrations
    untimed, odd = _without_a_time(committed, applied)
    malformed = [
        *map(str, folder.faults),
        *(f"`{each.file}`: its version is not a time (`YYYYMMDDHHMMSS`)" for each in odd),
        *_faults_of_the_head(desk, remote, environment, "" if sha else commit, applied),
    ]
    comparison = compare(committed, applied)
    left = None if sha else _left_ahead(desk, remote, environment, comparison)
    return SchemaStatus(
        environment,
        commit,
        left or committed,
        applied,
        compare(left, applied) if left else comparison,
        tuple(malformed),
        _unwritable(desk, environment),
        _lost(desk, remote, environment, commit, (committed, applied)),
        half_applied(desk, remote.ledger, environment),
        tuple(each.file for each in untimed),
        comparison.missing if left else (),
    )


def _left_ahead(
    desk: Desk, remote: Remote, environment: Environment, comparison: Comparison
) -> tuple[Migration, ...] | None:
    """The files of a release that was rolled back, if they are those that the live one lacks."""
    for commit in remote.ledger.bad(environment.name) if comparison.missing else ():
        files = folder_of(desk, commit).migrations
        if {*comparison.missing} <= {file.version for file in files}:
            return files
    return None


def _without_a_time(
    committed: tuple[Migration, ...], applied: tuple[Applied, ...]
) -> tuple[list[Migration], list[Migration]]:
    """The files whose version is no time: those of an old habit, and those that are a mistake."""
    odd = [each for each in committed if not source.is_timestamp(each.version)]
    known = {row.version for row in applied}
    old = [each for each in odd if each.version in known or len(each.version) in SHORT]
    return old, [each for each in odd if each not in old]


def half_applied(desk: Desk, ledger: Ledger, environment: Environment) -> tuple[str, ...]:
    """That a part of a migration that failed still stands, as far as can be told; () if it does not."""
    found = aftermath.recorded(ledger, environment.name)
    if found is None:
        return ()
    postgres = required_postgres(desk, environment)
    standing = aftermath.still_standing(found[0], postgres.state(aftermath.is_ours).things)
    return (aftermath.reminder(*found),) if standing else ()


def _lost(
    desk: Desk,
    remote: Remote,
    environment: Environment,
    commit: str,
    migrations: tuple[tuple[Migration, ...], tuple[Applied, ...]],
) -> tuple[str, ...]:
    """What is no longer as the live release left it; `migrations`: those of its commit, and the history."""
    live = known_state.live_state(remote.ledger, environment.name)
    if live is None or live.commit != commit:
        return ()
    released, applied = ([each.version for each in side] for side in migrations)
    return tuple(known_state.problems(live, released, applied, app_tables(desk, environment)))


def _unwritable(desk: Desk, environment: Environment) -> tuple[str, ...]:
    """That the database takes no writes."""
    trouble = required_postgres(desk, environment).server_facts().unwritable
    return (f"the database {trouble.state}: {trouble.hint}",) if trouble else ()


def _faults_of_the_head(
    desk: Desk, remote: Remote, environment: Environment, live: str, applied: tuple[Applied, ...]
) -> list[str]:
    """The files with which the next release will be refused; none where a commit was named."""
    head = remote.head(environment)
    if not live or head is None or head == live:
        return []
    faults = folder_of(desk, head).faults_for(applied)
    return [f"`{environment.branch}`: {fault}" for fault in faults]


def database_status(desk: Desk, request: DatabaseStatusRequest) -> Outcome:
    """Compare each database with its commit; pending migrations are not a fault."""
    remote = observe_remote(desk)
    wanted = [desk.settings.environment(request.env)] if request.env else list(desk.settings)
    documents = [_document(desk, remote, environment) for environment in wanted]
    desk.progress.show([_line(document) for document in documents])
    untimed = sorted({file for each in documents for file in each.get("untimed", ())})
    if untimed:
        shown = ", ".join(f"`{file}`" for file in untimed[:SHOWN])
        more = f" and {len(untimed) - SHOWN} more" if len(untimed) > SHOWN else ""
        desk.progress.show(
            [f"versions that are no time are applied in the order of their text: {shown}{more}"]
        )
    faults = [f"{each['name']}: {problem}" for each in documents for problem in each["problems"]]
    if not faults:
        count = f"{len(documents)} database{'s' if len(documents) != 1 else ''}"
        return Outcome.done(f"{count}: histories and files agree", environments=documents)
    unknown = all(each["state"] == "unknown" for each in documents if each["problems"])
    if unknown:
        code = max(each.get("code", 0) for each in documents)  # of a server that does not answer: 3
        what = "nothing" if len(faults) == len(documents) else "not all"
        hint = "`invoke doctor`" if code > 1 else "`invoke env.check`"
        data = {"environments": documents}
        return Outcome("failed", f"{what} could be compared:{listed(faults)}", hint, code, data)
    return Outcome.failed(
        f"histories and files disagree:{listed(faults)}",
        "compare the schemas themselves: `invoke db.drift --from ENV --against migrations`",
        environments=documents,
    )


def _document(desk: Desk, remote: Remote, environment: Environment) -> dict[str, Any]:
    try:
        document = schema_status(desk, remote, environment).document()
        live = remote.ledger.live(environment.name)
        functions = function_problems(desk, environment, live, remote.ledger) if live else ()
        return {**document, "problems": [*document["problems"], *functions]}
    except DeskError as error:
        why = error.message.splitlines()[0]
        name, code = environment.name, error.code
        return {"name": name, "state": "unknown", "schema": None, "problems": [why], "code": code}


def _line(document: dict[str, Any]) -> str:
    pending = len(document.get("pending", ()))
    more = f", {pending} pending" if pending else ""
    state = document["state"]
    if state == "equal" and document["problems"]:
        state = "differs"
    ahead = len(document.get("ahead", ()))
    more += f", {ahead} ahead of the code since a rollback" if ahead else ""
    return f"{document['name']:<12} {state:<8} at {document['schema'] or 'nothing'}{more}"
