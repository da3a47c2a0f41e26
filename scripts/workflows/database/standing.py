"""Where a database stands against the commit that is live there: the cheap part, one short read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scripts.domain.database import drift
from scripts.domain.database.migrations import Applied, Comparison, Migration, compare, newest, read
from scripts.domain.settings import Environment
from scripts.errors import Refused
from scripts.workflows.release.observe import Remote, applied_migrations
from scripts.workflows.toolbox import Toolbox


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
        return (*drift.problems(self.comparison), *self.malformed)

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


def standing(tools: Toolbox, remote: Remote, environment: Environment, sha: str | None = None) -> Standing:
    """Read the history and the commit's files: those of `sha`, of the live release, or of the branch.

    Raises:
        Refused: the environment has no database, or nothing to compare it with.
        Unreachable: the database gives no answer.
    """
    applied = applied_migrations(tools, environment)
    if applied is None:
        raise Refused(f"{environment.name} has no database")
    live = remote.ledger.live(environment.name)
    commit = (
        tools.git.resolve(sha, remote.refs) if sha else live.commit if live else remote.head(environment)
    )
    if commit is None:
        raise Refused(f"the remote has no branch `{environment.branch}`", "name a commit: `--sha REV`")
    files = tools.git.files(commit, tools.settings.app.migrations, ".sql")
    committed = read(files)
    found = compare(committed, applied)
    return Standing(environment, commit, committed, applied, found, tuple(drift.malformed(files)))
