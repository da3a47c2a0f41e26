"""The Supabase CLI for what it alone can do: push migrations, list them, compare schemas.

Facts measured with 3.1.0: without a terminal it does not ask, so `--yes` is safe only after the desk
has obtained consent; it takes the password from PGPASSWORD; exit code 0 does not prove that anything was
applied; without a `config.toml` it pushes migrations only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

from scripts.config.supabase_cli import answer
from scripts.database.postgres.url import Database
from scripts.errors import CommandFailed, CommandTimedOut
from scripts.system import temporary
from scripts.system.command import Command, Result
from scripts.system.process import attempt, run_in_background

LIST_TIMEOUT = 60.0  # seconds
AS_JSON = "--output-format=json"
Status = Literal["applied", "reverted"]
# The CLI is a program of Bun that lives for a second. Its optimizing compiler costs more than it saves:
# without it the CLI takes three quarters of the time, also with 200 files. Bun does not promise the option
# for ever; one that it does not know ends it at once, before it has read anything. So a push gets it only
# after a list has worked with it.
BRIEF = {"BUN_JSC_useDFGJIT": "0"}


@dataclass(frozen=True)
class Cli:
    """The binary, and the folder that has the commit's migrations.

    Args:
        brief: without the optimizing compiler.
    """

    binary: Path
    workdir: Path
    brief: bool = False

    def migration_list(self, database: Database) -> Command:
        """Which versions are local, remote, or both."""
        return self._command(database, LIST_TIMEOUT, 0, "migration", "list", remote(database))

    def db_push(
        self, database: Database, timeout: float, lock_timeout: float, *, late: bool = False
    ) -> Command:
        """Apply pending migrations; `late`: also those older than the newest applied one."""
        options = ("--yes", *(("--include-all",) if late else ()), remote(database))
        return self._command(database, timeout, lock_timeout, "db", "push", *options)

    def migration_repair(
        self, database: Database, status: Status, versions: Sequence[str], timeout: float = 120.0
    ) -> Command:
        """Write the rows of these versions into the history (`applied`), or remove them (`reverted`).

        Raises:
            ValueError: no version: the CLI would replace the whole history by the local files.
        """
        if not versions or not all(version.isdigit() for version in versions):
            raise ValueError("`migration repair` needs versions")
        options = (f"--status={status}", "--yes", remote(database))
        return self._command(database, timeout, 0, "migration", "repair", *options, *versions)

    def db_diff(self, old: Database, new: Database, timeout: float) -> Command:
        """The SQL that turns the schema of `old` into that of `new`; passwords are in a 0600 file."""
        urls = [f"{database.url}?sslmode={database.sslmode}" for database in (old, new)]
        command = self._command(old, timeout, 0, "db", "diff", f"--from={urls[0]}", f"--to={urls[1]}")
        certificate = old.sslrootcert or new.sslrootcert
        env = {name: value for name, value in command.env.items() if not name.startswith("PG")}
        env["PGPASSFILE"] = str(self._passwords(old, new))
        return replace(command, env=env | ({"PGSSLROOTCERT": certificate} if certificate else {}))

    def gen_types(self, database: Database, schemas: Sequence[str]) -> Command:
        """The TypeScript types of these schemas."""
        chosen = (f"--schema={schema}" for schema in schemas)
        command = self._command(database, LIST_TIMEOUT, 0, "gen", "types", remote(database), *chosen)
        return replace(command, argv=tuple(each for each in command.argv if each != AS_JSON))

    def _passwords(self, *databases: Database) -> Path:
        """A PGPASSFILE in the temporary folder, which is removed when the CLI has ended."""
        file = self.workdir / "home" / "passwords"
        file.touch(mode=0o600)
        rows = [
            (database.host, str(database.port), database.name, database.user, database.password.reveal())
            for database in databases
        ]
        lines = (":".join(re.sub(r"([\\:])", r"\\\1", part) for part in row) for row in rows)
        file.write_text("".join(f"{line}\n" for line in lines))
        return file

    def _command(self, database: Database, timeout: float, lock_timeout: float, *arguments: str) -> Command:
        env = {
            **database.environment,
            "SUPABASE_HOME": str(self.workdir / "home"),
            "TMPDIR": str(self.workdir / "home"),  # it unpacks 3 MB and does not remove them
            "SUPABASE_TELEMETRY_DISABLED": "1",
            "SUPABASE_NO_UPDATE_NOTIFIER": "1",
            "DO_NOT_TRACK": "1",
            **(BRIEF if self.brief else {}),
        }
        if lock_timeout:
            env["PGOPTIONS"] = f"-c lock_timeout={int(lock_timeout * 1000)}"
        options = (f"--workdir={self.workdir}", AS_JSON)
        return Command((str(self.binary), *arguments, *options), cwd=self.workdir, env=env, timeout=timeout)


def remote(database: Database) -> str:
    """The argument that names the database to work on."""
    return f"--remote={database.url}"


@contextmanager
def cli_with_migrations(
    binary: Path, migrations: Mapping[str, str], parent: Path | None = None
) -> Iterator[Cli]:
    """The CLI on a temporary folder in `parent`, with exactly these migrations (file name -> text)."""
    with temporary.folder(parent) as workdir:
        (workdir / "home").mkdir()
        folder = workdir / "supabase" / "migrations"
        folder.mkdir(parents=True)
        for file, sql in migrations.items():
            (folder / file).write_bytes(sql.encode("utf-8", "surrogateescape"))
        yield Cli(binary, workdir)


class Seen(NamedTuple):
    """The versions of the files, and those of the history, that the CLI listed; and the CLI that did."""

    local: set[str]
    remote: set[str]
    cli: Cli


def versions(cli: Cli, database: Database) -> tuple[set[str], set[str]]:
    """The local and the remote versions that the CLI lists.

    Raises:
        CommandFailed: it failed, or printed no list.
    """
    return _listed(attempt(cli.migration_list(database)))


@contextmanager
def asking_versions(cli: Cli, database: Database) -> Iterator[Callable[[], Seen]]:
    """Ask for the versions in the background; what is yielded waits for the answer, as of `versions`.

    A list that failed is asked for once more then: the database may be back by that time, or this CLI
    does not know `BRIEF`.
    """
    brief = replace(cli, brief=True)
    with run_in_background(brief.migration_list(database)) as asked:

        def answered() -> Seen:
            try:
                return Seen(*_listed(asked.result()), brief)
            except (CommandFailed, CommandTimedOut):
                return Seen(*versions(cli, database), cli)

        yield answered


def _listed(result: Result) -> tuple[set[str], set[str]]:
    rows = answer(result, "supabase migration list")
    if isinstance(rows, dict):  # `stream-json` and some commands wrap their rows
        rows = rows.get("migrations", rows.get("data"))
    if not isinstance(rows, list):
        raise CommandFailed("`supabase migration list` gave no list")
    local = {str(row["local"]) for row in rows if row.get("local")}
    return local, {str(row["remote"]) for row in rows if row.get("remote")}


def difference(cli: Cli, old: Database, new: Database, timeout: float = 120.0) -> str:
    """The SQL that turns the schema of `old` into that of `new`; empty if they are equal.

    Raises:
        CommandFailed: it failed, or printed no difference.
    """
    document = answer(attempt(cli.db_diff(old, new, timeout)), "supabase db diff")
    if not isinstance(document, dict) or not isinstance(document.get("diff"), str):
        raise CommandFailed("`supabase db diff` gave no difference that can be read")
    return str(document["diff"]).strip()
