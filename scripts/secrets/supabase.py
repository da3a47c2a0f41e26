"""The secrets of a Supabase project's Edge Functions: read over REST as digests, set by the pinned CLI.

Facts (measured with 3.1.0): both give SHA-256 digests and never a value. The CLI takes a second to
start, reads no `/dev/stdin` but any other descriptor, would show `NAME=value` on its argument list, and
skips names that begin with `SUPABASE_` with exit code 0.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.config.supabase_cli import answer
from scripts.errors import Refused
from scripts.secrets.project import Project
from scripts.system import temporary
from scripts.system.command import Command
from scripts.system.process import attempt

SET_TIMEOUT = 60.0


@dataclass(frozen=True)
class ProjectSecrets(Project):
    """The secrets of one project."""

    def digests(self) -> dict[str, str]:
        """Each name with the SHA-256 digest of its value, in hex.

        Raises:
            ConfigError: the token would travel unencrypted.
            Unreachable: no answer, or the token may not read them.
            CommandFailed: the answer is no list of secrets.
        """
        rows = [row for row in self.read_list("secrets") if "name" in row]
        return {str(row["name"]): str(row.get("value", "")).lower() for row in rows}

    def set(self, cli: Path, values: Mapping[str, str]) -> None:
        """Set them with the CLI at `cli`; only `digests` can say whether they arrived.

        The values are in a file without a name, so none is left if this run is killed. The CLI works in a
        temporary folder: what works in that of a killed run is ended.

        Raises:
            Refused: a value that a line of the CLI's file can't hold.
            CommandFailed: the CLI or the project refused.
            CommandTimedOut: the CLI took too long.
        """
        text = lines(values)
        with temporary.folder() as folder, tempfile.TemporaryFile() as unnamed:
            unnamed.write(text.encode())
            unnamed.flush()
            unnamed.seek(0)
            file = f"/dev/fd/{unnamed.fileno()}"
            where = (f"--project-ref={self.project}", f"--workdir={folder}", "--output-format=json")
            argv = (str(cli), "secrets", "set", f"--env-file={file}", "--yes", *where)
            environment = self.cli_environment(folder)
            files = (unnamed.fileno(),)
            command = Command(argv, cwd=folder, env=environment, timeout=SET_TIMEOUT, files=files)
            answer(attempt(command), "supabase secrets set")


def lines(values: Mapping[str, str]) -> str:
    """The values as the CLI takes them.

    Raises:
        Refused: one that a line can't hold.
    """
    return "".join(_line(name, value) for name, value in values.items())


def _line(name: str, value: str) -> str:
    """One line that every dialect of `.env` files reads alike."""
    if re.search(r"[\r\n\0]", value):
        raise Refused(
            f"the value of `{name}` has more than one line, and the CLI takes one",
            "encode it, and decode it in the Edge Function: `base64 <FILE | tr -d '\\n'`",
        )
    if "'" in value and re.search(r'["\\$`]', value):
        raise Refused(
            f"the value of `{name}` holds characters that parsers read differently", "make a new one"
        )
    mark = "'" if re.search(r'["\\$`]', value) else '"'
    return f"{name}={mark}{value}{mark}\n"
