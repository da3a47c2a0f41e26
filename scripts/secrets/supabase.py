"""The secrets of a Supabase project's Edge Functions: read over REST as digests, set by the pinned CLI.

Facts (measured with 3.1.0): both give SHA-256 digests and never a value. The CLI takes a second to
start, reads no `/dev/stdin` but any other descriptor, would show `NAME=value` on its argument list, and
skips names that begin with `SUPABASE_` with exit code 0. It asks another API only if `SUPABASE_PROFILE`
names a file with `api_url`.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from scripts.config.settings import Secrets
from scripts.config.supabase_cli import answer
from scripts.errors import CommandFailed, Refused
from scripts.github.client import require_readable
from scripts.http import get_json
from scripts.system import temporary
from scripts.system.command import Command, inherited
from scripts.system.process import attempt
from scripts.system.secret import Secret

READ_TIMEOUT = 15.0
SET_TIMEOUT = 60.0
API_URL = re.compile(r"""(?m)^[\s{]*["']?api_url["']?\s*[:=]\s*["']?(https?://[^\s"',}]+)""")


@dataclass(frozen=True)
class ProjectSecrets:
    """The secrets of one project.

    Args:
        project: its ref, 20 letters.
        api: the Management API, `[secrets] supabase_api`; the profile of `SUPABASE_PROFILE` wins over it.
    """

    project: str
    token: Secret
    api: str = Secrets().supabase_api

    def digests(self) -> dict[str, str]:
        """Each name with the SHA-256 digest of its value, in hex.

        Raises:
            ConfigError: the token would travel unencrypted.
            Unreachable: no answer, or the token may not read them.
            CommandFailed: the answer is no list of secrets.
        """
        api = _api_of_profile() or self.api
        url = f"{api.rstrip('/')}/v1/projects/{quote(self.project, safe='')}/secrets"
        status, document, _ = get_json(url, self.token, READ_TIMEOUT)
        require_readable(status, "Supabase")
        if not isinstance(document, list):
            raise CommandFailed("Supabase answered something else than a list of secrets")
        rows = [row for row in document if isinstance(row, dict) and "name" in row]
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
            environment = self._environment(folder)
            files = (unnamed.fileno(),)
            command = Command(argv, cwd=folder, env=environment, timeout=SET_TIMEOUT, files=files)
            answer(attempt(command), "supabase secrets set")

    def _environment(self, folder: Path) -> dict[str, str]:
        profile = os.environ.get("SUPABASE_PROFILE", "")
        if not profile and self.api != Secrets().supabase_api:
            file = folder / "profile.yaml"
            urls = f"api_url: {self.api}\ndashboard_url: {self.api}\n"
            file.write_text(f"name: configured\n{urls}project_host: supabase.co\n")
            profile = str(file)
        return {
            **inherited(),
            **({"SUPABASE_PROFILE": profile} if profile else {}),
            "SUPABASE_ACCESS_TOKEN": self.token.reveal(),
            "SUPABASE_HOME": str(folder),
            "TMPDIR": str(folder),
            "SUPABASE_TELEMETRY_DISABLED": "1",
            "SUPABASE_NO_UPDATE_NOTIFIER": "1",
            "DO_NOT_TRACK": "1",
        }


def _api_of_profile() -> str | None:
    """The API that the CLI would ask; None if `SUPABASE_PROFILE` names no file with one."""
    profile = os.environ.get("SUPABASE_PROFILE")
    try:
        text = Path(profile).read_text(encoding="utf-8") if profile else ""
    except (OSError, UnicodeDecodeError):  # a profile that is built into the CLI
        return None
    found = API_URL.search(text)
    return found[1] if found else None


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
