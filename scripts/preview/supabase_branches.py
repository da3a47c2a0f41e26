"""The databases of previews as branches of a Supabase project: made, read and deleted by the pinned CLI.

Facts (measured with 3.1.0, against a stand-in for the Management API): `branches create NAME`, `get` and
`delete` with `--remote=REF` need no linked folder and, with `--yes`, no terminal. `get` prints keys, and
addresses with their passwords. A new branch is a project of its own, with the parent's migrations and
without its data unless somebody says `--with-data`, which the desk never does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from scripts.config import supabase_cli
from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.config.supabase_cli import answer
from scripts.database.postgres.url import Database, parse_database
from scripts.errors import CommandFailed, CommandTimedOut, DeskError, Refused
from scripts.preview.databases import FILE, Made
from scripts.secrets.project import Project, access, ref_of
from scripts.system import temporary
from scripts.system.command import Command
from scripts.system.process import attempt
from scripts.system.secret import remember

PREFIX = "release-desk-preview-"
NAME = re.compile(PREFIX + r"([a-z][a-z0-9-]{0,19})")
RIGHTS = "`branching_development_create`, `branching_development_read` and `branching_development_delete`"
CALL_TIMEOUT = 120.0  # seconds that one call of the CLI may take
READY_TIMEOUT = 600.0  # seconds until a new branch must work, and a deleted one be gone
PAUSE = 3.0
COMING = ("CREATING_PROJECT", "RUNNING_MIGRATIONS")  # the API's words
SECRETS = ("SUPABASE_SERVICE_ROLE_KEY", "SUPABASE_JWT_SECRET", "POSTGRES_URL", "POSTGRES_URL_NON_POOLING")
KEYS = ("SUPABASE_ANON_KEY", "SUPABASE_PUBLISHABLE_KEY", "SUPABASE_PUBLISHABLE_DEFAULT_KEY")


@dataclass(frozen=True)
class SupabaseBranches:
    """The branches of one project, one for each slot."""

    desk: Desk
    project: Project
    cli: Path

    def described(self, slot: str) -> dict[str, str]:
        """Its kind and name."""
        return {"kind": "supabase", "name": f"{PREFIX}{slot}"}

    def ensure(self, slot: str, *, anew: bool = False) -> Made:
        """See `Databases`; a new branch takes a minute or two."""
        found = self._row(slot)
        if found and anew:
            self.drop(slot)
        fresh = found is None or anew
        if fresh:
            self._call("create", slot, "--yes")
        self._wait(slot)
        values = self._call("get", slot)
        for name in SECRETS:
            remember(str(values.get(name) or ""))
        return Made(self._database(values), fresh, dict(self._variables(values)))

    def drop(self, slot: str) -> bool:
        """See `Databases`."""
        if self._row(slot) is None:
            return False
        self._call("delete", slot, "--yes")
        until = self.desk.clock() + READY_TIMEOUT
        while self._row(slot) is not None:
            if self.desk.clock() > until:
                raise CommandTimedOut(f"the branch `{PREFIX}{slot}` of the project is still there")
            self.desk.sleep(PAUSE)
        return True

    def slots(self) -> tuple[str, ...]:
        """See `Databases`."""
        return tuple(slot for slot, row in self._rows().items() if _is_ours(row))

    def _rows(self) -> dict[str, Mapping[str, Any]]:
        """The branches of the desk's names, by slot."""
        named = ((NAME.fullmatch(str(row.get("name"))), row) for row in self.project.read_list("branches"))
        return {match[1]: row for match, row in named if match}

    def _row(self, slot: str) -> Mapping[str, Any] | None:
        row = self._rows().get(slot)
        if row is not None and not _is_ours(row):
            raise Refused(
                f"the branch `{PREFIX}{slot}` is persistent, or the project's default: it is left alone",
                "rename it in the dashboard of Supabase",
            )
        return row

    def _wait(self, slot: str) -> None:
        """Until the branch works; what it says of its migrations is judged by a look at the database.

        Raises:
            CommandTimedOut: it takes too long.
            CommandFailed: it is gone.
        """
        until = self.desk.clock() + READY_TIMEOUT
        while True:
            row = self._row(slot)
            if row is None:
                raise CommandFailed(f"the branch `{PREFIX}{slot}` of the project is gone")
            health = row.get("preview_project_status") or "ACTIVE_HEALTHY"
            if row.get("status") not in COMING and health == "ACTIVE_HEALTHY":
                return
            if self.desk.clock() > until:
                state = f"{row.get('status')}, {health}"
                raise CommandTimedOut(f"the branch `{PREFIX}{slot}` is not ready: {state}")
            self.desk.sleep(PAUSE)

    def _call(self, verb: str, slot: str, *options: str) -> Mapping[str, Any]:
        with temporary.folder() as folder:
            argv = (str(self.cli), "branches", verb, f"{PREFIX}{slot}", f"--remote={self.project.project}")
            command = Command(
                (*argv, *options, f"--workdir={folder}", "--output-format=json"),
                cwd=folder,
                env=self.project.cli_environment(folder),
                timeout=CALL_TIMEOUT,
            )
            document = answer(attempt(command), f"supabase branches {verb}")
        if not isinstance(document, Mapping):
            raise CommandFailed(f"`supabase branches {verb}` printed no document")
        return document

    def _database(self, values: Mapping[str, Any]) -> Database:
        """The branch's database; on supabase.co, which has IPv6 alone, by the session pooler."""
        direct = urlsplit(str(values.get("POSTGRES_URL_NON_POOLING") or ""))
        pooled = urlsplit(str(values.get("POSTGRES_URL") or ""))
        chosen = direct
        if (direct.hostname or "").endswith(".supabase.co") and pooled.hostname:
            user = pooled.netloc.rpartition(":")[0]
            chosen = pooled._replace(netloc=f"{user}:5432")
        url = urlunsplit(chosen._replace(query=""))
        return parse_database(url, None, where=f"`{FILE}`", folder=self.desk.config_folder)

    def _variables(self, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        for name in self.desk.settings.app.build_variables:
            if name.endswith("SUPABASE_URL"):
                yield name, str(values.get("SUPABASE_URL") or "")
            elif name.endswith(KEYS):
                yield name, str(values.get("SUPABASE_ANON_KEY") or "")


def _is_ours(row: Mapping[str, Any]) -> bool:
    """By its name, and as the desk makes them."""
    return row.get("is_default") is not True and row.get("persistent") is not True


def supabase_branches(desk: Desk, environment: Environment) -> SupabaseBranches:
    """The branches of the project that `.env.preview` names.

    Args:
        environment: whose variables are those of previews.

    Raises:
        Refused: none is named, or it is a guarded environment's; there is no token.
    """
    project = Project(*access(desk, environment, RIGHTS))
    for other in desk.settings:
        try:
            same = other.guarded and ref_of(desk.values(other)) == project.project
        except DeskError:  # they can't be read here
            continue
        if same:
            raise Refused(
                f"`SUPABASE_PROJECT_ID` of `{FILE}` is the project of {other.name}: no place for previews",
                f"name another project in `{desk.config_folder / FILE}`, such as that of"
                f" {desk.settings.chain[0]}",
            )
    return SupabaseBranches(desk, project, supabase_cli.find(desk.git.folder, desk.settings.supabase.cli))
