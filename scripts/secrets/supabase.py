"""The secrets of a Supabase project's Edge Functions: compared by digest, set from a file of 0600.

Facts (measured with 3.1.0): `NAME=value` would be an argument, `/dev/stdin` is not read, names that
begin with `SUPABASE_` are skipped with exit code 0, and the list gives SHA-256 digests only.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.config.supabase_cli import answer
from scripts.errors import CommandFailed, Refused
from scripts.system import temporary
from scripts.system.command import Command, inherited
from scripts.system.process import attempt
from scripts.system.secret import Secret

TIMEOUT = 60.0
PROJECT = re.compile(r"https://([a-z]{20})\.supabase\.(?:co|in)/?")


def project_of(url: str) -> str | None:
    """The ref of a hosted project, by its address; None for any other address."""
    found = PROJECT.fullmatch(url)
    return found[1] if found else None


def digest(value: str) -> str:
    """What the list shows instead of a value."""
    return hashlib.sha256(value.encode()).hexdigest()


@dataclass(frozen=True)
class EdgeSecrets:
    """The secrets of one project, through the pinned CLI. `SUPABASE_PROFILE` chooses another API."""

    binary: Path
    project: str
    token: Secret

    def digests(self) -> dict[str, str]:
        """Name and digest of each secret that the project has.

        Raises:
            CommandFailed: they can't be listed.
        """
        with temporary.folder() as folder:
            said = answer(attempt(self._command(folder, "list")), "supabase secrets list")
        rows = said.get("secrets", said.get("data")) if isinstance(said, dict) else said
        if not isinstance(rows, list):
            raise CommandFailed("`supabase secrets list` gave no list")
        return {str(row["name"]): str(row.get("value", "")) for row in rows if isinstance(row, dict)}

    def set(self, values: Mapping[str, str]) -> None:
        """Set them; whether they arrived is for `digests` to say.

        Raises:
            Refused: a value that a line of the file can't hold.
            CommandFailed: the CLI or the project said no.
        """
        text = "".join(_line(name, value) for name, value in values.items())
        with temporary.folder() as folder:
            file = folder / "values"
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as sink:
                sink.write(text)
            call = self._command(folder, "set", f"--env-file={file}", "--yes")
            answer(attempt(call), "supabase secrets set")

    def _command(self, folder: Path, verb: str, *arguments: str) -> Command:
        env = {
            **inherited(["SUPABASE_PROFILE"]),
            "SUPABASE_ACCESS_TOKEN": self.token.reveal(),
            "SUPABASE_HOME": str(folder),
            "TMPDIR": str(folder),
            "SUPABASE_TELEMETRY_DISABLED": "1",
            "SUPABASE_NO_UPDATE_NOTIFIER": "1",
            "DO_NOT_TRACK": "1",
        }
        where = (f"--project-ref={self.project}", f"--workdir={folder}", "--output-format=json")
        argv = (str(self.binary), "secrets", verb, *arguments, *where)
        return Command(argv, cwd=folder, env=env, timeout=TIMEOUT)


def _line(name: str, value: str) -> str:
    """One line that every dialect reads alike."""
    if re.search(r"[\r\n\0]", value) or ("'" in value and re.search(r'["\\$`]', value)):
        raise Refused(
            f"the value of `{name}` holds characters that parsers read differently", "make a new one"
        )
    quote = "'" if re.search(r'["\\$`]', value) else '"'
    return f"{name}={quote}{value}{quote}\n"
