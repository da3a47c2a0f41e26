"""`db.adopt`: see which migrations a database has already, and record them in its history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scripts.config.consent import require_consent
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment
from scripts.database.adopt import judge, replay
from scripts.database.adopt.history import Adoption, adoption, lines
from scripts.database.adopt.judge import Elements, FileVerdict
from scripts.database.adopt.record import TASK, record
from scripts.database.migrations.files import (
    Applied,
    Migration,
    applied_migrations,
    duplicates,
    migrations_of,
)
from scripts.database.postgres.client import required_database, required_postgres
from scripts.database.postgres.url import Database
from scripts.database.request import AdoptRequest
from scripts.errors import Refused
from scripts.state.operation import locked_operation
from scripts.state.remote import observe_remote
from scripts.state.waiting import retry_while_locked
from scripts.system.text import listed

SHOWN = 6  # reasons for each file, and objects that no file makes


@dataclass(frozen=True)
class Look:
    """What was seen: the files of the commit, the history, the schema, and what follows.

    Args:
        strange: the app's objects that no file makes.
        ends: elements that are not as the last file leaves them.
    """

    environment: Environment
    commit: str
    database: Database
    history: tuple[Applied, ...]
    live: Elements
    verdicts: tuple[FileVerdict, ...]
    strange: tuple[str, ...]
    ends: tuple[str, ...]

    @property
    def files(self) -> tuple[Migration, ...]:
        """The commit's migrations."""
        return tuple(each.migration for each in self.verdicts)

    @property
    def applied(self) -> frozenset[str]:
        """The versions in the history."""
        return frozenset(row.version for row in self.history)

    def adoption(self, also: Sequence[str]) -> Adoption:
        """What is to be done; `also`: versions that a person says are applied."""
        whole = not self.strange and not self.ends
        return adoption(self.verdicts, self.history, also, whole=whole)

    def undecided(self, adopted: Adoption) -> tuple[FileVerdict, ...]:
        """The files of which only a person can say whether they are applied."""
        known = {*self.applied, *adopted.record}
        return tuple(
            each for each in self.verdicts if each.word == "unknown" and each.migration.version not in known
        )


def adopt(desk: Desk, request: AdoptRequest) -> Outcome:
    """Look, show what stands, ask, and record it."""
    environment = desk.settings.environment(request.env)
    if request.baseline:
        from scripts.database.adopt import baseline

        return baseline.make(desk, environment, request)
    look = observe(desk, environment, request.sha)
    also = _named(look, request.also)
    adopted = look.adoption(also)
    desk.progress.show(lines(look.verdicts, adopted, look.applied, SHOWN))
    if look.strange:
        desk.progress.show([f"made by no file:{listed(look.strange, SHOWN)}"])
    if not request.plan and not request.yes:
        also = (*also, *_asked(desk, look, adopted))
        adopted = look.adoption(also)
    data = _document(look, adopted, also)
    if request.plan or not adopted:
        ending = Outcome.done if request.plan else Outcome.nothing
        said = _counted(look) if not adopted else f"{_counted(look)}; {_planned(adopted)}"
        hint = _hint(look, adopted)
        return Outcome(ending("").ending, f"{environment.name}: {said}; nothing was changed", hint, 0, data)
    desk.progress.show([f"on yes: {_planned(adopted)}"])
    unchanged = f"the history of {environment.name} is as it was"
    require_consent(desk.progress, environment, yes=request.yes, unchanged=unchanged, data=data)
    return retry_while_locked(
        desk,
        lambda: _record(desk, look, adopted, request.reason, data),
        wait=request.wait,
        environments=[environment],
    )


def observe(desk: Desk, environment: Environment, sha: str) -> Look:
    """Replay the files of a commit, and compare each with what stands.

    Raises:
        Refused: there is no database, no such commit, no file, two files of one version, or no scratch
            server.
        Unreachable: a server can't be used.
    """
    database = required_database(desk, environment)
    remote = observe_remote(desk)
    commit = desk.git.resolve(sha, remote.refs) if sha else remote.head(environment)
    if commit is None:
        raise Refused(f"the remote has no branch `{environment.branch}`", "name a commit: `--sha REV`")
    files = migrations_of(desk, commit)
    if not files:
        raise Refused(
            f"`{commit[:12]}` has no migrations in `{desk.settings.app.migrations}`",
            f"to make one of what stands: `invoke db.adopt --env {environment.name} --baseline`",
        )
    doubled = duplicates(file.version for file in files)
    if doubled:
        raise Refused(
            f"two migrations of `{commit[:12]}` have the same version: {', '.join(doubled)}",
            "give one of them a new time stamp, in a new commit",
        )
    required_postgres(desk, environment).require_writable()
    history = applied_migrations(desk, environment) or ()
    live = replay.look(database, files)
    desk.progress.note(f"replaying {len(files)} files in a scratch database")
    steps, fresh = replay.replay(desk, environment, files, live)
    return Look(
        environment,
        commit,
        database,
        history,
        live.elements,
        judge.judge(steps, live.elements),
        judge.made_by_no_file(steps, live.elements, fresh),
        judge.not_at_its_end(steps, live.elements),
    )


def _named(look: Look, also: str) -> tuple[str, ...]:
    """The versions of `--also`.

    Raises:
        Refused: the commit has no such file.
    """
    wanted = tuple(dict.fromkeys(each for each in also.replace(",", " ").split() if each))
    strangers = [each for each in wanted if each not in {file.version for file in look.files}]
    if strangers:
        raise Refused(
            f"`{look.commit[:12]}` has no migration of the version {', '.join(strangers)}",
            f"`invoke db.adopt --env {look.environment.name} --plan` lists them",
        )
    return wanted


def _asked(desk: Desk, look: Look, adopted: Adoption) -> tuple[str, ...]:
    """What a person says of the files that can't be judged; without a terminal, nothing."""
    found = []
    for each in look.undecided(adopted):
        file, why = each.migration.file, (*each.rows, *each.why)[:2]
        if desk.progress.agree(f"`{file}` ({'; '.join(why)}): was it applied to {look.environment.name}?"):
            found.append(each.migration.version)
    return tuple(found)


def _record(desk: Desk, look: Look, adopted: Adoption, reason: str, data: dict[str, Any]) -> Outcome:
    name = look.environment.name
    wanted = {"record": list(adopted.record), "drop": list(adopted.dropped)}
    planned = (judge.digest(look.live), look.history)
    with locked_operation(
        desk, look.environment, TASK, about="", reason=reason, request=wanted
    ) as operation:
        event = record(operation, look.database, look.files, planned, adopted)
    count = len(adopted.record)
    said = f"{name}: {count} migration{'s are' if count != 1 else ' is'} recorded as applied"
    said += f", {len(adopted.drop)} rows dropped" if adopted.drop else ""
    more = {"run": event.run, "schema": event.detail["schema"], "steps": event.detail["steps"]}
    return Outcome.done(said, _hint(look, adopted), **data, **more)


def _planned(adopted: Adoption) -> str:
    parts = [f"{len(adopted.record)} to record as applied"] if adopted.record else []
    parts += [f"{len(adopted.drop)} rows to drop"] if adopted.drop else []
    return ", ".join(parts)


def _counted(look: Look) -> str:
    """`12 of 18 files stand, 1 in part, 3 missing, 2 can't be told`."""
    count = [each.word for each in look.verdicts].count
    parts = [
        f"{count('stands')} of {len(look.verdicts)} files stand",
        *([f"{count('partial')} in part"] if count("partial") else []),
        *([f"{count('missing')} missing"] if count("missing") else []),
        *([f"{count('unknown')} can't be told"] if count("unknown") else []),
    ]
    return ", ".join(parts)


def _hint(look: Look, adopted: Adoption) -> str | None:
    """What a person does about the files that are left."""
    name, known = look.environment.name, {*look.applied, *adopted.record}
    left = [
        each.migration.version
        for each in look.verdicts
        if each.word in ("unknown", "partial") and each.migration.version not in known
    ]
    if left:
        return f"if these are applied: `invoke db.adopt --env {name} --also {','.join(left)}`"
    if adopted.kept:
        return f"`{adopted.kept[0]}` is in the history: adopt with a commit that has it, `--sha REV`"
    return None


def _document(look: Look, adopted: Adoption, also: Sequence[str]) -> dict[str, Any]:
    """The task's part of the JSON."""
    return {
        "environment": look.environment.name,
        "commit": look.commit,
        "files": [
            each.document() | {"recorded": each.migration.version in look.applied} for each in look.verdicts
        ],
        "record": list(adopted.record),
        "drop": list(adopted.dropped),
        "kept": list(adopted.kept),
        "late": list(adopted.late),
        "also": list(also),
        "strange": list(look.strange),
    }
