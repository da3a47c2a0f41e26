# pure
"""A restore in place: what it would lose, whether it may be, and whether it brought all back. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scripts.config.settings import Environment
from scripts.database.backups.manifest import Manifest
from scripts.database.backups.toc import PLATFORM, Lists
from scripts.database.postgres.catalogue import OLD_SCHEMA_PREFIX
from scripts.state.ledger import Event

TASK = "db.restore"
TASK_KIND = "restore"  # of the event in the ledger
BLOCKING = ("restore", "compare", "switch")  # the steps in which writers wait
PACE = 25e6  # bytes of tables a second, until a restore of this environment has been timed
PEOPLE = "auth.users"
HISTORY = "supabase_migrations."  # no user's rows: the plan says the schema's version instead
SHOWN = 8


@dataclass(frozen=True)
class Change:
    """What was written to one table since the backup.

    Args:
        before: rows in the backup, and `now` in the database.
        updated: None where the table has no primary key: a changed row is one deleted, one inserted.
    """

    table: str
    before: int
    now: int
    inserted: int
    updated: int | None
    deleted: int

    @property
    def any(self) -> bool:
        """Whether anything was written at all."""
        return bool(self.inserted or self.updated or self.deleted)

    def document(self) -> dict[str, Any]:
        """The JSON of a plan."""
        return dict(vars(self))

    def __str__(self) -> str:
        parts = [f"{self.before} rows in the backup, {self.now} now"]
        if self.inserted:
            parts.append(f"{self.inserted} inserted since (they go)")
        if self.updated:
            parts.append(f"{self.updated} updated since (they go back)")
        if self.deleted:
            parts.append(f"{self.deleted} deleted since (they come back)")
        return f"{self.table}: {', '.join(parts)}"


@dataclass(frozen=True)
class Restoring:
    """What would happen, and what it costs.

    Args:
        changes: the tables that were written to since; those that would be as they were.
        new: tables that the backup does not have -> their rows: they go.
        people: what became of `auth.users`, which stays as it is; None where it can't be told.
        seconds: expected, with writers waiting and readers going on.
        schema: the newest migration afterwards.
        left_out: what no restore brings back, in words.
    """

    manifest: Manifest
    changes: tuple[Change, ...]
    new: Mapping[str, int]
    people: Change | None
    seconds: float
    safety: bool

    @property
    def lost(self) -> int:
        """Rows whose present state would be gone from the live schemas."""
        return sum(each.inserted + (each.updated or 0) for each in self.changes) + sum(self.new.values())

    def words(self, name: str) -> Iterator[str]:
        """The plan as people read it."""
        held = self.manifest
        yield f"restore {name} from `{held.id}` of {held.started}, schema {held.newest or 'none'}"
        for each in self.changes:
            yield f"  {each}"
        for table, rows in sorted(self.new.items()):
            yield f"  {table}: not in the backup, {rows} rows (they go)"
        if not self.changes and not self.new:
            yield "  no row was written since"
        if self.people and self.people.inserted:
            yield f"  {self.people.inserted} people signed up since: their accounts stay, and nothing else"
        if self.people and self.people.deleted:
            yield f"  {self.people.deleted} accounts were deleted since: they come back"
        yield f"  about {self.seconds:.0f} s in which the app reads and can't write, then reads the backup"
        yield (
            "  way back: "
            + ("a safety backup is taken first; " if self.safety else "")
            + f"the present state stays aside until `invoke db.drop-aside --env {name}`"
        )

    def document(self) -> dict[str, Any]:
        """The JSON of a plan."""
        return {
            "backup": self.manifest.id,
            "taken": self.manifest.started,
            "schema": self.manifest.newest,
            "tables": [each.document() for each in self.changes],
            "new": dict(self.new),
            "people": self.people.document() if self.people else None,
            "lost": self.lost,
            "seconds": round(self.seconds, 1),
            "safety": self.safety,
        }


def objection(manifest: Manifest, environment: Environment, app: str, server: int) -> str | None:
    """Why this backup may not come into this environment; None if it may."""
    name = environment.name
    if manifest.project != app:
        return f"`{manifest.id}` is a backup of `{manifest.project}`, not of `{app}`"
    if manifest.policy is not None and environment.guarded:
        return f"`{manifest.id}` is masked: it never goes to {name}"
    if manifest.policy is None and manifest.environment != name:
        return f"`{manifest.id}` is of {manifest.environment}: its data never go to {name} unmasked"
    if int(manifest.server.partition(".")[0]) > server:
        return f"`{manifest.id}` is of PostgreSQL {manifest.server}, the server of {name} is {server}"
    return None


def seconds(manifest: Manifest, pace: float | None) -> float:
    """How long the app could not write: by the pace of the last restore here, in bytes a second."""
    return 2 + sum(table.bytes for table in manifest.tables.values()) / (pace or PACE)


def pace(events: Iterable[Event], environment: str) -> float | None:
    """Bytes of tables a second, as the last restore of the environment had it; None before the first."""
    found = None
    for each in events:
        if (each.environment, each.kind, each.ending) == (environment, TASK_KIND, "done"):
            steps = each.detail.get("steps") or ()
            took = sum(float(step["seconds"]) for step in steps if step["name"] in BLOCKING)
            size = float(each.detail.get("bytes") or 0)
            found = size / took if took > 1 and size else found
    return found


def of_the_app(manifest: Manifest, lists: Lists) -> Manifest:
    """What of the manifest a restore in place brings back: no platform, no view that is computed anew."""
    schemas = set(lists.schemas)
    return replace(
        manifest,
        tables={name: each for name, each in manifest.tables.items() if name in lists.tables},
        sequences={
            name: each for name, each in manifest.sequences.items() if name.partition(".")[0] in schemas
        },
        extensions={},
    )


def told(lines: Iterable[str]) -> tuple[str, ...]:
    """The schema without what stands aside, and what the platform publishes of its own from day to day."""
    return tuple(
        line for line in lines if OLD_SCHEMA_PREFIX not in line and _published(line) not in PLATFORM
    )


def some(lines: Sequence[str]) -> str:
    """The first of them, to follow a message."""
    more = [f"and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return "".join(f"\n  | {each}" for each in [*lines[:SHOWN], *more])


def _published(line: str) -> str:
    """The schema of a line that says whose changes a publication tells."""
    return line.partition(" of ")[2].partition(".")[0] if line.startswith("publication ") else ""
