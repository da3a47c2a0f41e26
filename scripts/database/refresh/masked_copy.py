"""Make a masked copy of a backup on a scratch server, and search all of it before anybody loads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.database import counting
from scripts.database.backups import scratch_server, toc
from scripts.database.backups.manifest import Manifest, Table
from scripts.database.migrations.apply import bring_up_to_date
from scripts.database.migrations.files import Migration
from scripts.database.postgres import scratch
from scripts.database.postgres.archive_toc import Entry
from scripts.database.postgres.client import session
from scripts.database.postgres.content import Content, SnapshotReader, read_content, read_snapshot
from scripts.database.postgres.dump import DUMP_TIMEOUT
from scripts.database.postgres.names import split_key
from scripts.database.postgres.pg_restore import Archive
from scripts.database.postgres.programs import Programs, environment, programs_for
from scripts.database.postgres.url import Database
from scripts.database.refresh import columns as refresh_columns
from scripts.database.refresh import mask, masking_sql, personal
from scripts.database.refresh import rules as masking_rules
from scripts.database.refresh.binary_rows import BinaryRows
from scripts.database.refresh.known_values import KnownValues, of_accounts
from scripts.database.refresh.load import Copied, Masks, load_masked
from scripts.database.refresh.masked_archive import MaskedArchive, write_rows
from scripts.database.refresh.rules import DATES, NUMBERS, Column, Rules
from scripts.database.refresh.schema_text import private_comments, search_schema
from scripts.database.refresh.search import Search
from scripts.database.restore.in_place import Source
from scripts.errors import BackupFault, CommandFailed, Refused, ReleaseFailed, Unreachable
from scripts.state.operation import LockedOperation
from scripts.system.background import submit
from scripts.system.command import Command
from scripts.system.process import run
from scripts.system.secret import Secret
from scripts.system.text import listed

if TYPE_CHECKING:
    from scripts.database.postgres.scratch import ScratchDatabases


FILE = "masking.toml"
SCHEMA, ROWS = "schema.dump", "rows"  # files
# types whose values can't be a known value's words
WITHOUT_WORDS = (*NUMBERS, *DATES, "uuid", "boolean", "enum", "oid", "interval")


@dataclass(frozen=True)
class Refresh:
    """What was asked for: from where, to where, and the rules.

    Args:
        digest: of the rules, kept with the masked data.
        key: equal values are masked equally under one key.
    """

    source: Environment
    target: Environment
    rules: Rules
    digest: str
    key: Secret


@dataclass(frozen=True)
class Inputs:
    """What the copy is made of, and where.

    Args:
        plain: the folder of the backup's plain files.
        databases: on the scratch server.
        folder: for the copy's files.
        applied: the migrations that the target has.
        known: the migrations of the commits of both environments, which the team knows anyway.
    """

    plain: Path
    manifest: Manifest
    databases: ScratchDatabases
    folder: Path
    applied: tuple[Migration, ...]
    known: tuple[Migration, ...]


def refuse(rules: Rules, columns: Sequence[Column], objections: Sequence[str] = ()) -> None:
    """Default deny.

    Raises:
        Refused: a column has no rule, or one that can't work; the hint holds lines to paste.
    """
    without = [f"`{each.path}` ({each.kind}) has no rule" for each in personal.missing(rules, columns)]
    faults = [*without, *masking_rules.objections(rules, columns), *objections]
    if faults:
        proposed = personal.proposal(rules, columns)
        raise Refused(
            f"the masking rules don't cover the schema; nothing was changed:{listed(faults)}",
            f"add these lines to `{FILE}`, and look at each of them (`keep` copies as it is):\n{proposed}"
            if proposed
            else f"change those rules in `{FILE}`",
        )


@contextmanager
def make_masked_copy(operation: LockedOperation, work: Refresh, inputs: Inputs) -> Iterator[MaskedCopy]:
    """Mask, migrate, and search.

    What is searched, summed and loaded is one snapshot of the copy, which lasts as long as the block.

    Raises:
        Refused: the rules don't cover the backup's schema, or don't fit its data.
        ReleaseFailed: something that must not be there was found.
    """
    maker = _Maker.start(operation.desk, work, inputs)
    columns = masking_rules.masked(work.rules, maker.columns)
    with operation.step(
        "mask", f"{len(columns)} columns while they are loaded, accounts become test users"
    ):
        known = maker.load()
    if maker.pending:
        with operation.step("migrate", "migrations that only the target has, on the copy"):
            bring_up_to_date(operation.desk, maker.copy, inputs.applied)
    mask.rewrite_history(maker.copy, inputs.known)
    search = maker.search(known)
    done = False
    try:
        with read_snapshot(maker.copy) as reader:
            with operation.step(
                "dump", f"its rows, searched for {search.size} known values and any address"
            ):
                source = maker.dump(search, reader.snapshot)
            with operation.step("search", "the schema, and what was found in the rows"):
                _require_clean(search, source)
            yield MaskedCopy(maker.copy, columns, source)
            done = True
    except Unreachable:
        if not done:  # what ends the snapshot afterwards undoes nothing
            raise


def _require_clean(search: Search, source: Source) -> None:
    """Search the schema, too.

    Raises:
        ReleaseFailed: something that must not be there was found, in rows or schema.
    """
    search_schema(search, _attached(source.lists))
    leaks = list(search.leaks())
    if leaks:
        raise ReleaseFailed(
            f"the masked copy still holds what it must not; nothing was changed:{listed(leaks)}",
            f"mask that column in `{FILE}` (`keep` is not enough); what everybody may read: `allowed`",
        )


@dataclass(frozen=True)
class MaskedCopy:
    """The copy's database on the scratch server, the columns that were masked, and what a restore reads."""

    database: Database
    masked: tuple[Column, ...]
    source: Source


@dataclass(frozen=True)
class _Maker:
    """The copy that is being made.

    Args:
        archive: the backup's.
        entries: what is restored of it.
        copy: the schema without keys, indexes and triggers until `complete`.
        shape: the whole schema, without rows.
        columns: of the app's tables.
    """

    desk: Desk
    work: Refresh
    inputs: Inputs
    archive: Archive
    lists: toc.Lists
    entries: tuple[Entry, ...]
    copy: Database
    shape: Database
    columns: tuple[Column, ...]

    @classmethod
    def start(cls, desk: Desk, work: Refresh, inputs: Inputs) -> _Maker:
        """Restore the schema, and check the rules against it."""
        archive = scratch_server.archive_in(desk, inputs.plain, inputs.manifest)
        lists = toc.classify(archive.contents())
        databases = inputs.databases
        copy = databases.copy("template0", "restored")
        public = [migration.sql for migration in inputs.known]
        scratch_server.require_everything(copy, lists)
        entries = _public_entries(scratch_server.restorable(copy, lists), public)
        scratch_server.restore_entries(copy, archive, lists, entries, section="pre-data")
        shape = databases.copy(databases.full_name("restored"), "shape")
        scratch_server.restore_entries(shape, archive, lists, entries, section="post-data")
        columns = refresh_columns.app_columns(shape)
        refuse(work.rules, columns)
        return cls(desk, work, inputs, archive, lists, entries, copy, shape, columns)

    @property
    def pending(self) -> bool:
        """Whether only the target has some migrations."""
        return bool({each.version for each in self.inputs.applied} - self.inputs.manifest.migrations.keys())

    @property
    def complete(self) -> bool:
        """Whether the copy gets its keys, triggers and materialized views: something relies on them."""
        has_views = any(entry.kind == "MATERIALIZED VIEW" for entry in self.lists.app)
        return has_views or self.pending or bool(self.work.rules.rows)

    def load(self) -> set[str]:
        """Load the rows, masked; returns known values of what was masked."""
        rules = self.work.rules
        mask.prepare(self.copy, unlogged=not self.complete)
        with session(self.copy) as connection:
            partitions = refresh_columns.partitions(connection)
        masks = Masks(masking_sql.expressions(rules, self.columns), partitions, self.work.key)
        known = KnownValues(masking_rules.masked(rules, self.columns))
        entries = [entry for entry in self.entries if _is_loaded(entry)]
        tables, keys = self.inputs.manifest.tables, {(entry.schema, entry.tag) for entry in entries}
        total = sum(tables[key].rows for key in tables if split_key(key) in keys)
        tell = counting.rows(self.desk.progress, total, "masked")
        load_masked(self.copy, self.archive, entries, masks, known, tell=tell)
        accounts = refresh_columns.account_columns(self.copy)
        with session(self.copy) as connection:
            known.add(of_accounts(connection, accounts))
        mask.mask_copy_accounts(self.copy, self.work.key, masking_sql.account_updates(accounts, rules))
        if self.complete:
            self._complete()
            mask.delete_rows(self.copy, masking_sql.deletes(rules))
        return known.values

    def _complete(self) -> None:
        """Restore keys, indexes and triggers."""
        try:
            scratch_server.restore_entries(
                self.copy, self.archive, self.lists, self.entries, section="post-data"
            )
        except (CommandFailed, BackupFault) as fault:  # its details quote rows
            errors = [line for line in fault.message.splitlines() if "ERROR:" in line]
            raise Refused(
                f"the rules don't fit the data; nothing was changed{listed(errors)}",
                f"choose another rule for that column in `{FILE}`",
            ) from None

    def search(self, known: set[str]) -> Search:
        """A search for these values; what the team knows anyway may be found."""
        rules = self.work.rules
        public = [*(file.sql for file in self.inputs.known), *rules.allowed, *rules.json_keys]
        return Search(rules.domain, {*(known - {*masking_sql.PEOPLE}), *rules.canaries}, public)

    def dump(self, search: Search, snapshot: str) -> Source:
        """Search the rows, and write to a file what is not read later; at the same time, sum them up."""
        programs = programs_for(self.desk, scratch.server_major(self.copy))
        reading = submit(read_content, self.copy, is_ours=toc.is_app_schema, snapshot=snapshot)
        by_path = {column.path: column for column in self.columns}
        loaded = sum(self.inputs.manifest.rows.values())
        tell = counting.rows(self.desk.progress, loaded, "searched", "dump")

        def on_rows(copied: Copied, block: bytes) -> None:
            tell(counting.rows_in(block))
            search.rows(copied.table, copied.columns, _unmasked(copied, by_path, self.work.rules), block)

        binary = BinaryRows.of(programs, self.copy, snapshot)
        rows = write_rows(programs, self.inputs.folder / ROWS, on_rows, binary)
        mask.read_views(self.copy, on_rows)
        archive = self._schema_archive(programs)
        entries = archive.contents() if self.complete else self.entries
        schema = [entry for entry in entries if entry.kind not in toc.DATA]
        content = reading.result()
        if not self.complete:
            content = replace(
                content, schema=read_content(self.shape, is_ours=toc.is_app_schema, tables=()).schema
            )
        return Source(
            self._manifest(content),
            MaskedArchive(archive.file, archive.pg_restore, rows),
            toc.classify([*schema, *rows.places]),
            content.schema,
        )

    def _schema_archive(self, programs: Programs) -> Archive:
        """The backup's, unless migrations changed the copy's schema."""
        if not self.complete:
            return self.archive
        sections = ("--section=pre-data", "--section=post-data")  # unlike `--schema-only`, they fill views
        argv = (programs.path("pg_dump"), "--format=custom", *sections, "--no-password")
        file = self.inputs.folder / SCHEMA
        run(Command((*argv, f"--file={file}"), env=environment(self.copy), timeout=DUMP_TIMEOUT))
        return Archive(file, Path(programs.path("pg_restore")))

    def _manifest(self, content: Content) -> Manifest:
        """The manifest of the masked copy, made from that of the backup."""
        with session(self.copy) as connection:
            versions = SnapshotReader.within(connection).versions()
        return replace(
            self.inputs.manifest,
            kind="masked",
            environment=self.work.target.name,
            migrations={version: self.inputs.manifest.migrations.get(version, "") for version in versions},
            tables={name: Table(*sums) for name, sums in content.tables.items()},
            sequences=content.sequences,
            extensions=content.extensions,
            policy=self.work.digest,
        )


def _public_entries(entries: Sequence[Entry], public: Sequence[str]) -> tuple[Entry, ...]:
    """The entries without comments that the team does not know: they may be about people."""
    comments = [entry for entry in entries if entry.kind == "COMMENT" and toc.is_app_schema(entry.schema)]
    private = private_comments((entry for entry in comments if not _is_standard(entry)), public)
    return tuple(entry for entry in entries if entry not in private)


def _is_standard(comment: Entry) -> bool:
    """Not the team's: an extension's own, or that of every `public`."""
    return comment.tag == "SCHEMA public" or comment.tag.startswith("EXTENSION ")


def _is_loaded(entry: Entry) -> bool:
    """Whether its rows are loaded into the copy: of the platform's tables, those of accounts alone."""
    if entry.kind not in toc.DATA:
        return False
    return toc.is_app_schema(entry.schema) or (entry.schema, entry.tag) in toc.ACCOUNTS


def _attached(lists: toc.Lists) -> list[Entry]:
    """What the target gets besides rows."""
    wanted = {*lists.app, *lists.extras, *lists.database}
    return [entry for entry in lists.order if entry in wanted and entry.kind not in toc.DATA]


def _unmasked(copied: Copied, by_path: Mapping[str, Column], rules: Rules) -> list[int]:
    """The places of the columns that may hold the words of a known value."""
    return [
        place
        for place, name in enumerate(copied.columns)
        if _may_hold_words(by_path.get(f"{copied.table}.{name}"), rules)
    ]


def _may_hold_words(column: Column | None, rules: Rules) -> bool:
    if column is None:
        return True
    partly = rules.of(column).startswith(("truncate", "scrub")) or rules.of(column) in ("", "keep")
    return partly and column.word not in WITHOUT_WORDS
