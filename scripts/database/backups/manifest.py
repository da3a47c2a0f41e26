# pure
"""`MANIFEST.json`, the document that describes a backup: strict, versioned, written last."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from scripts.database.backups.toc import BOOKKEEPING, USER_SCHEMAS, Lists, is_app_schema
from scripts.database.postgres.names import LARGE_OBJECTS
from scripts.errors import BackupFault

FORMAT = 1
MANIFEST = "MANIFEST.json"
Kind = Literal["daily", "predeploy", "manual", "presafety", "masked"]
KINDS: tuple[Kind, ...] = get_args(Kind)
ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}-(?:" + "|".join(KINDS) + r")-[0-9a-f]{4}")
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Table:
    """A table in the snapshot: rows, the sum of its rows' hashes, bytes on the server's disk."""

    rows: int
    checksum: str
    bytes: int


@dataclass(frozen=True)
class File:
    """A file of the archive; the last two are None if it is not encrypted."""

    bytes: int
    sha256: str
    encrypted_bytes: int | None = None
    encrypted_sha256: str | None = None


@dataclass(frozen=True)
class LeftOut:
    """What the backup does not contain, or what is not restored from it, and why; for people."""

    what: str
    why: str


@dataclass(frozen=True)
class Manifest:
    """The whole document. Times are UTC, ISO 8601.

    Args:
        project: the app's name in `pipeline.toml`.
        host, database: where it was taken; no user, no password.
        release: the one that was live, such as `v41`; "" before the first.
        commit: the commit that was live; "" before the first release.
        migrations: version -> SHA-256 of its file in that commit; "" if it has none.
        server, client: versions such as `17.11`: of the server, and of pg_dump.
        wal: the position in the server's write-ahead log (`0/1A2B3C`).
        tables: "schema.table" -> what it contained; only what a restore brings back.
        sequences: "schema.sequence" -> last value; a restored one may be ahead of it.
        extensions: name -> version.
        schema_hash: of the sorted lines in the file `schema.json`.
        files: name without `.age` -> size and SHA-256, plain and encrypted.
        recipients: the age keys that can decrypt it; () for a plain archive.
        policy: digest of the masking rules; None for real data.
    """

    id: str
    environment: str
    kind: Kind
    project: str
    host: str
    database: str
    started: str
    finished: str
    release: str
    commit: str
    migrations: Mapping[str, str]
    server: str
    client: str
    wal: str
    tables: Mapping[str, Table]
    sequences: Mapping[str, int]
    extensions: Mapping[str, str]
    schema_hash: str
    files: Mapping[str, File]
    left_out: tuple[LeftOut, ...]
    recipients: tuple[str, ...] = ()
    policy: str | None = None

    @property
    def bytes(self) -> int:
        """Its size in a store."""
        return sum(file.encrypted_bytes or file.bytes for file in self.files.values())

    @property
    def rows(self) -> dict[str, int]:
        """Rows by table."""
        return {name: table.rows for name, table in self.tables.items()}

    @property
    def newest(self) -> str | None:
        """The schema version that it contains."""
        return max(self.migrations, default=None)

    def text(self) -> str:
        """The document; the same manifest always gives the same text."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1, sort_keys=True) + "\n"

    @property
    def digest(self) -> str:
        """SHA-256 of the document, which the ledger records."""
        return hashlib.sha256(self.text().encode()).hexdigest()


def backup_id(at: str, commit: str, kind: Kind, salt: str) -> str:
    """`20301231T235959Z-0123abcd-daily-9f31`, which sorts by time; `at` in ISO 8601, UTC."""
    digits = re.sub(r"\D", "", at)[:14]
    return f"{digits[:8]}T{digits[8:]}Z-{(commit or '0' * 8)[:8]}-{kind}-{salt[:4]}"


def parse_manifest(text: str | bytes) -> Manifest:
    """The manifest in a document; every key must be known and of the right type.

    Raises:
        BackupFault: it is cut off, of another format, or not what this desk writes.
    """
    try:
        document = json.loads(text)
        if not isinstance(document, dict) or document.pop("format", None) != FORMAT:
            raise _unusable("it is of another format")
        return _manifest(document)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as fault:
        raise _unusable(f"it can't be read ({type(fault).__name__})") from None


def _manifest(document: dict[str, Any]) -> Manifest:
    names = {field.name for field in fields(Manifest)}
    if set(document) != names:
        odd = ", ".join(f"`{name}`" for name in sorted(set(document) ^ names))
        raise _unusable(f"these keys are missing or unknown: {odd}")
    texts = "id environment project host database started finished release commit server client wal"
    for name in (*texts.split(), "schema_hash"):
        _demand(isinstance(document[name], str), name)
    _demand(bool(ID.fullmatch(document["id"])), "id")
    _demand(document["kind"] in KINDS, "kind")
    _demand(document["policy"] is None or isinstance(document["policy"], str), "policy")
    values = {
        **document,
        "migrations": _mapping(document, "migrations", str),
        "extensions": _mapping(document, "extensions", str),
        "sequences": _mapping(document, "sequences", int),
        "tables": {name: Table(**table) for name, table in document["tables"].items()},
        "files": {name: File(**file) for name, file in document["files"].items()},
        "left_out": tuple(LeftOut(**entry) for entry in document["left_out"]),
        "recipients": tuple(document["recipients"]),
    }
    for name, table in values["tables"].items():
        _demand(_count(table.rows) and _count(table.bytes) and isinstance(table.checksum, str), name)
    for name, file in values["files"].items():
        _demand(_count(file.bytes) and bool(DIGEST.fullmatch(file.sha256)) and "/" not in name, name)
        encrypted = file.encrypted_sha256
        _demand(encrypted is None or bool(DIGEST.fullmatch(encrypted)), name)
    _demand(bool(values["files"]), "files")
    return Manifest(**values)


def _mapping(document: Mapping[str, Any], name: str, kind: type) -> dict[str, Any]:
    table = document[name]
    _demand(isinstance(table, dict) and all(type(value) is kind for value in table.values()), name)
    return dict(table)


def _count(value: object) -> bool:
    return type(value) is int and value >= 0


def _demand(holds: bool, name: str) -> None:
    if not holds:
        raise _unusable(f"`{name}` has the wrong form")


def _unusable(why: str) -> BackupFault:
    return BackupFault(f"the manifest of the backup is not usable: {why}")


# The files of an archive, what it leaves out on purpose, and what no archive can contain.
DUMP, LISTS, SCHEMA, ROLES, EXTRAS = "db.dump", "restore.json", "schema.json", "roles.sql", "extras.sql"
FILES = (DUMP, LISTS, SCHEMA, ROLES, EXTRAS)
ENCRYPTED = ".age"  # suffix of an encrypted file

# Rows that are not even dumped: patterns of pg_dump, each with its reason.
DENIED = {
    "vault.*": "secrets are encrypted with a key that never leaves the project",
    "pgsodium.*": "keys of the project",
    "pgsodium_masks.*": "keys of the project",
    "cron.job_run_details": "a log of runs",
    "net.*": "pending requests and their answers: they must not be sent again",
    "realtime.messages*": "short-lived messages, deleted after three days",
    "_realtime.*": "the platform's own state",
    "_analytics.*": "the platform's own logs",
    "supabase_functions.hooks": "a log of webhooks",
}
# What no dump of a hosted project contains, whatever its options are.
IMPOSSIBLE = (
    LeftOut("passwords of roles", "only a superuser can read them: set them again after a restore"),
    LeftOut("files in Storage buckets", "the database has only their rows: copy the buckets separately"),
    LeftOut("secrets of Vault and edge functions", "they are encrypted with the project's own key"),
    LeftOut(
        "settings of the project", "auth providers, SMTP, API and network settings are not in the database"
    ),
    LeftOut(
        "settings of the database and of roles in it",
        "`alter database ... set` and `alter role ... set` are not in a dump: set them again",
    ),
    LeftOut("replication slots and subscriptions", "they belong to one server"),
)


STALE = "rows of materialized views as they stood"


def restores_rows(schema: str, table: str) -> bool:
    """Whether a restore brings back the rows of a table, so that they are counted and compared."""
    return is_app_schema(schema) or (schema in USER_SCHEMAS and (schema, table) not in BOOKKEEPING)


def left_out(lists: Lists) -> tuple[LeftOut, ...]:
    """All that is missing after a restore, with the reason; entries with the same reason in one line."""
    reasons: dict[str, list[str]] = {}
    for omitted in lists.left_out:
        reasons.setdefault(omitted.why, []).append(omitted.entry.schema or omitted.entry.kind.lower())
    entries = (
        LeftOut(f"{len(names)} entries of {', '.join(sorted(set(names)))}", why)
        for why, names in sorted(reasons.items())
    )
    views = [LeftOut(STALE, "a restore computes them from their tables")] if lists.views else []
    denied = (LeftOut(f"rows of {pattern}", why) for pattern, why in DENIED.items())
    return (*IMPOSSIBLE, *views, *denied, *entries)


def without_rows(lists: Lists, tables: Sequence[str]) -> list[str]:
    """Tables that were read, but whose rows no restore of this dump would bring back; normally none."""
    kinds = ("TABLE DATA", "MATERIALIZED VIEW DATA")
    dumped = {entry.key for entry in (*lists.app, *lists.users) if entry.kind in kinds}
    dumped |= {LARGE_OBJECTS} if lists.large_objects else set()
    return sorted(set(tables) - dumped)
