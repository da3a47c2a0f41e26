# pure
"""The plan of a restore in place: what it would lose, whether it is allowed, and how long it takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scripts.config.settings import Environment
from scripts.database.backups.manifest import Manifest
from scripts.database.backups.toc import PLATFORM, Lists
from scripts.database.postgres.catalogue import OLD_SCHEMA_PREFIX
from scripts.database.postgres.names import LARGE_OBJECTS, split_key
from scripts.state.ledger import Event
from scripts.system.text import listed

TASK = "db.restore"
EVENT = "restore"  # the kind of its events in the ledger
BLOCKING = ("restore", "compare", "switch")  # the steps in which writers wait
DEFAULT_RATE = 25e6  # bytes of tables a second, until a restore of the environment has been timed
ACCOUNTS = "auth.users"
VIEWS = "select schemaname, matviewname from pg_matviews"
# what such lines are about is in no schema: what was made since is not removed
OUTSIDE = (
    *("options of publication ", "cast (", "transform ", "language ", "server ", "large object "),
    *("grants on server ", "grants on large object "),
    *(f"description of {kind} " for kind in ("cast", "publication", "server", "large object")),
)
HISTORY = "supabase_migrations."  # not users' rows: the plan shows the schema's version instead


@dataclass(frozen=True)
class Change:
    """What was written to one table since the backup.

    Args:
        before: rows in the backup.
        now: rows in the database.
        updated: rows with the same key and other values in the columns that both sides have; None where
            the table has no primary key: then a changed row counts as one deleted and one inserted.
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

    @property
    def lost(self) -> int:
        """Rows whose present state would be lost."""
        return self.inserted + (self.updated or 0)

    def became(self) -> str:
        """What became of its rows by a restore."""
        gone = [f"{self.inserted} inserted"] if self.inserted else []
        gone += [f"{self.updated} updated"] if self.updated else []
        parts = [f"{' and '.join(gone)} since are live no longer"] if gone else []
        parts += [f"{self.deleted} deleted since are back"] if self.deleted else []
        return f"{self.table}: {', '.join(parts)}"

    def document(self) -> dict[str, Any]:
        """The JSON of a plan."""
        return dict(vars(self))

    def __str__(self) -> str:
        parts = [f"{self.before} rows in the backup, {self.now} now"]
        if self.inserted:
            parts.append(f"{self.inserted} inserted since (lost)")
        if self.updated:
            parts.append(f"{self.updated} updated since (reverted)")
        if self.deleted:
            parts.append(f"{self.deleted} deleted since (restored)")
        return f"{self.table}: {', '.join(parts)}"


@dataclass(frozen=True)
class StorageGaps:
    """Rows of `storage` that the backup has and the database lacks; no restore writes them.

    Args:
        buckets: the statement that makes each missing bucket again, by its id.
        objects: missing rows of `storage.objects`, by their bucket.
    """

    buckets: Mapping[str, str] = field(default_factory=dict)
    objects: Mapping[str, int] = field(default_factory=dict)

    def words(self) -> Iterator[str]:
        """What is missing, and what to do."""
        for bucket, statement in self.buckets.items():
            yield f"bucket `{bucket}` is missing: make it with `{statement}`"
        for bucket, rows in self.objects.items():
            yield f"{rows} rows of files of the bucket `{bucket}` are missing: upload these files again"

    def document(self) -> dict[str, Any]:
        """The JSON of a plan."""
        return {"buckets": list(self.buckets), "objects": dict(self.objects)}


@dataclass(frozen=True)
class RestorePlan:
    """What a restore would do, and what it would lose.

    Args:
        changes: the tables that were written to since the backup.
        new: tables that the backup lacks -> their rows, all of which are lost.
        accounts: what became of `auth.users`, which keeps its rows; None where that can't be counted.
        seconds: how long writers are expected to wait; readers go on.
        safety: whether a backup of the present state is taken first.
        storage: what is missing in `storage`.
        extensions: those that the database lacks: they are created first.
        unavailable: extensions of the platform's own that the server does not know: they are left out.
    """

    manifest: Manifest
    changes: tuple[Change, ...]
    new: Mapping[str, int]
    accounts: Change | None
    seconds: float
    safety: bool
    storage: StorageGaps = field(default_factory=StorageGaps)
    extensions: tuple[str, ...] = ()
    unavailable: tuple[str, ...] = ()

    @property
    def lost(self) -> int:
        """Rows whose present state the live schemas would lose."""
        return sum(self.lost_rows().values())

    def tell(self, counts: Counts, said: Mapping[str, int] | None = None) -> dict[str, Any]:
        """The document of a restore that was planned so, with what was counted while no writer was let in.

        `said`: by table, the rows that would be lost; this plan's own numbers if left out.

        Besides, "planned": the rows that would be lost, as this plan said; "late": by table, how many more
        (or fewer) they were; "details": what became of each table, in words.
        """
        counted = replace(self, changes=counts.changes, new=counts.new)
        said, found = self.lost_rows() if said is None else said, counted.lost_rows()
        more = {table: found.get(table, 0) - said.get(table, 0) for table in sorted({*said, *found})}
        late = {table: rows for table, rows in more.items() if rows}
        return {**counted.document(), **document_of(counts), "planned": sum(said.values()), "late": late}

    def lost_rows(self) -> dict[str, int]:
        """By table, the rows whose present state would be lost."""
        return {change.table: change.lost for change in self.changes} | dict(self.new)

    def words(self, environment: str) -> Iterator[str]:
        """The plan as people read it; its numbers are those of so far, since people go on writing."""
        backup, schema = self.manifest, self.manifest.newest or "none"
        yield f"restore {environment} from `{backup.id}` of {backup.started}, schema {schema}"
        for change in self.changes:
            yield f"  {change}"
        for table, rows in sorted(self.new.items()):
            yield f"  {table}: not in the backup, {rows} rows (lost)"
        if not self.changes and not self.new:
            yield "  no row was written since"
        else:
            yield "  so far: what is written from now on is counted when no writer is let in any more"
        inserted, deleted = (self.accounts.inserted, self.accounts.deleted) if self.accounts else (0, 0)
        if inserted:
            yield f"  {inserted} people signed up since: their accounts stay, and nothing else of theirs"
        if deleted:
            yield f"  {deleted} accounts of the backup are missing: they are restored"
        for extension in self.extensions:
            yield f"  extension {extension}: missing, created first"
        yield from (f"  {gap}" for gap in self.storage.words())
        yield f"  for about {self.seconds:.0f} s the app can read but not write; then it reads the backup"
        safety = "a safety backup is taken first; " if self.safety else ""
        drop = f"`invoke db.drop-aside --env {environment}`"
        yield f"  way back: {safety}the old schemas are kept until {drop}"

    def document(self) -> dict[str, Any]:
        """The JSON of a plan."""
        return {
            "backup": self.manifest.id,
            "taken": self.manifest.started,
            "schema": self.manifest.newest,
            "tables": [change.document() for change in self.changes],
            "new": dict(self.new),
            "people": self.accounts.document() if self.accounts else None,
            "lost": self.lost,
            "seconds": round(self.seconds, 1),
            "safety": self.safety,
            "storage": self.storage.document(),
            "extensions": list(self.extensions),
        }


@dataclass(frozen=True)
class Counts:
    """What the tables lost and got back by a switch.

    Args:
        changes: tables whose rows differ. `now`: the rows that were live, `before`: those that are.
        new: tables that are gone -> their rows.
        was: the tables that were live -> their rows and checksum.
        now: the tables that are.
    """

    changes: tuple[Change, ...]
    new: Mapping[str, int]
    was: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    now: Mapping[str, tuple[int, str]] = field(default_factory=dict)


def document_of(counts: Counts) -> dict[str, Any]:
    """What was counted, as JSON."""
    words = [change.became() for change in counts.changes]
    words += [f"{table}: all its {rows} rows are gone" for table, rows in sorted(counts.new.items())]
    return {
        "tables": [change.document() for change in counts.changes],
        "new": dict(counts.new),
        "lost": sum(change.lost for change in counts.changes) + sum(counts.new.values()),
        "details": words,
    }


def lost_rows(told: Mapping[str, Any], run: str, environment: str) -> str:
    """What is live no longer, exactly, and where it is kept; after a semicolon.

    Args:
        told: of a restore; see `RestorePlan.tell`.
        run: that keeps the old schemas.
    """
    late = told.get("late")
    lines = [*told["details"]]
    if late:
        more = ", ".join(f"{table} {rows:+d}" for table, rows in late.items())
        lines.append(f"the plan had said {told['planned']} rows; written after it: {more}")
    if told["lost"]:
        lines.append(
            f"every one of them is kept in `{OLD_SCHEMA_PREFIX}{run}_*`: {way_back(run, environment)}"
        )
        if told.get("safety_backup"):
            lines.append(
                f"those written before it are in the safety backup `{told['safety_backup']}` as well"
            )
    return f"{told['lost']} rows are live no longer{listed(lines)}"


def way_back(run: str, environment: str) -> str:
    """The command that puts back what the run kept."""
    return f"`invoke db.restore {run} --from-aside --env {environment}`"


def objection(manifest: Manifest, environment: Environment, app: str, server_major: int) -> str | None:
    """Why this backup may not be restored into this environment; None if it may."""
    name = environment.name
    if manifest.project != app:
        return f"`{manifest.id}` is a backup of `{manifest.project}`, not of `{app}`"
    if manifest.policy is not None and environment.guarded:
        return f"`{manifest.id}` is masked: it must not be restored into {name}"
    if manifest.policy is None and manifest.environment != name:
        return f"`{manifest.id}` is of {manifest.environment}: its data must not go to {name} unmasked"
    if int(manifest.server.partition(".")[0]) > server_major:
        return f"`{manifest.id}` is of PostgreSQL {manifest.server}, the server of {name} is {server_major}"
    return None


def expected_seconds(manifest: Manifest, rate: float | None) -> float:
    """How long writers wait, at a rate in bytes a second; None: the default rate."""
    return 2 + sum(table.bytes for table in manifest.tables.values()) / (rate or DEFAULT_RATE)


def last_rate(events: Iterable[Event], environment: str) -> float | None:
    """Bytes of tables a second that the environment's last restore achieved; None before the first."""
    rate = None
    for event in events:
        if (event.environment, event.kind, event.ending) == (environment, EVENT, "done"):
            steps = event.detail.get("steps") or ()
            seconds = sum(float(step["seconds"]) for step in steps if step["name"] in BLOCKING)
            size = float(event.detail.get("bytes") or 0)
            rate = size / seconds if seconds > 1 and size else rate
    return rate


def app_part(manifest: Manifest, lists: Lists) -> Manifest:
    """What a restore in place brings back: nothing of the platform."""
    schemas, names = set(lists.schemas), {*lists.tables, *lists.views}
    names |= {LARGE_OBJECTS} if lists.large_objects else set()
    return replace(
        manifest,
        tables={name: table for name, table in manifest.tables.items() if name in names},
        sequences={
            name: value for name, value in manifest.sequences.items() if split_key(name)[0] in schemas
        },
        extensions={},
    )


def comparable_schema(lines: Iterable[str]) -> tuple[str, ...]:
    """The schema's lines without old schemas, and without tables that the platform publishes by itself."""
    return tuple(
        line for line in lines if OLD_SCHEMA_PREFIX not in line and _published_schema(line) not in PLATFORM
    )


def without_newer(lines: Iterable[str], original: Iterable[str]) -> tuple[str, ...]:
    """The comparable lines of a restored database, without what was made since outside of the schemas."""
    known = {line.partition(": ")[0] for line in original}
    return tuple(
        line
        for line in comparable_schema(lines)
        if not line.startswith(OUTSIDE) or line.partition(": ")[0] in known
    )


def _published_schema(line: str) -> str:
    """The schema of the table in a line about a publication; "" for any other line."""
    return line.partition(" of ")[2].partition(".")[0] if line.startswith("publication ") else ""
