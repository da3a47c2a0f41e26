"""Where a database stands against the commit that is live there: the cheap part, one short read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.database.migrations import differences
from scripts.database.migrations.files import (
    Applied,
    Comparison,
    Migration,
    applied_migrations,
    compare,
    newest,
    read,
)
from scripts.database.request import DatabaseStatusRequest
from scripts.errors import DeskError, Refused
from scripts.state.remote import Remote, observe_remote


@dataclass(frozen=True)
class Standing:
    """A database's history against the files of a commit."""

    environment: Environment
    commit: str
    committed: tuple[Migration, ...]
    applied: tuple[Applied, ...]
    comparison: Comparison
    malformed: tuple[str, ...]

    @property
    def unrecorded(self) -> tuple[str, ...]:
        """Versions whose text nobody kept, so that an edit could not be seen."""
        return tuple(row.version for row in self.applied if not row.statements)

    @property
    def problems(self) -> tuple[str, ...]:
        """What disagrees, in words; what is simply pending does not."""
        return (*differences.problems(self.comparison), *self.malformed)

    def document(self) -> dict[str, Any]:
        """The JSON of one environment."""
        found = self.comparison
        return {
            "name": self.environment.name,
            "commit": self.commit,
            "schema": newest(row.version for row in self.applied),
            "state": found.state,
            "pending": [each.file for each in found.pending],
            "missing": list(found.missing),
            "edited": [each.file for each in found.edited],
            "late": [each.file for each in found.late],
            "doubled": list(found.doubled),
            "malformed": list(self.malformed),
            "unrecorded": list(self.unrecorded),
            "problems": list(self.problems),
        }


def standing(desk: Desk, remote: Remote, environment: Environment, sha: str = "") -> Standing:
    """Read the history and the commit's files: those of `sha`, of the live release, or of the branch.

    Raises:
        Refused: the environment has no database, or nothing to compare it with.
        Unreachable: the database gives no answer.
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
    files = desk.git.read_files(commit, desk.settings.app.migrations, ".sql")
    committed = read(files)
    found = compare(committed, applied)
    return Standing(environment, commit, committed, applied, found, tuple(differences.malformed(files)))


# `db.status`: every database's history against the migrations of the commit that is live there.


def database_status(desk: Desk, request: DatabaseStatusRequest) -> Outcome:
    """Look at each database; what merely waits to be applied is no fault."""
    remote = observe_remote(desk)
    asked = [desk.settings.environment(request.env)] if request.env else list(desk.settings)
    found = [_look(desk, remote, each) for each in asked]
    faults = [f"{each['name']}: {problem}" for each in found for problem in each["problems"]]
    for each in found:
        desk.progress.note(_line(each))
    if not faults:
        known = f"{len(found)} database{'s' if len(found) != 1 else ''}"
        return Outcome.done(f"{known}: histories and files agree", environments=found)
    listed = "".join(f"\n  | {fault}" for fault in faults)
    return Outcome.failed(
        f"histories and files disagree:{listed}",
        "what the schemas themselves are: `invoke db.drift --from ENV --against migrations`",
        environments=found,
    )


def _look(desk: Desk, remote: Remote, environment: Environment) -> dict[str, Any]:
    try:
        return standing(desk, remote, environment).document()
    except DeskError as fault:
        why = fault.message.splitlines()[0]
        return {"name": environment.name, "state": "unknown", "schema": newest(()), "problems": [why]}


def _line(each: dict[str, Any]) -> str:
    pending = len(each.get("pending", ()))
    more = f", {pending} pending" if pending else ""
    return f"{each['name']:<12} {each['state']:<8} at {each['schema'] or 'nothing'}{more}"
