"""A hosted Supabase project: its Management API over REST, and the environment of the CLI that asks it.

The CLI asks another API only if `SUPABASE_PROFILE` names a file with `api_url` (measured with 3.1.0).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from scripts.config.desk import Desk
from scripts.config.settings import Environment, Secrets
from scripts.config.variables import name_in_ci
from scripts.errors import CommandFailed, Refused
from scripts.github.client import require_readable
from scripts.http import get_json
from scripts.secrets.variables import project_of
from scripts.system.command import inherited
from scripts.system.secret import Secret

READ_TIMEOUT = 15.0
API_URL = re.compile(r"""(?m)^[\s{]*["']?api_url["']?\s*[:=]\s*["']?(https?://[^\s"',}]+)""")
REF = re.compile(r"[a-z]{20}")
ACCESS_TOKEN = re.compile(r"sbp_(oauth_|v0_)?[0-9a-f]{40}")
PROJECT = "SUPABASE_PROJECT_ID"  # the CLI's own name for it
TOKENS = "https://supabase.com/dashboard/account/tokens"


@dataclass(frozen=True)
class Project:
    """One project.

    Args:
        project: its ref, 20 letters.
        api: the Management API, `[secrets] supabase_api`; the profile of `SUPABASE_PROFILE` wins over it.
    """

    project: str
    token: Secret
    api: str = Secrets().supabase_api

    def address(self, what: str) -> str:
        """Where the API has something of the project."""
        api = _api_of_profile() or self.api
        return f"{api.rstrip('/')}/v1/projects/{quote(self.project, safe='')}/{what}"

    def read_list(self, what: str) -> list[Mapping[str, Any]]:
        """The rows of `secrets` or `functions`.

        Raises:
            ConfigError: the token would travel unencrypted.
            Unreachable: no answer, or the token may not read them.
            CommandFailed: the answer is no list.
        """
        status, document, _ = get_json(self.address(what), self.token, READ_TIMEOUT)
        require_readable(status, "Supabase", what)
        if not isinstance(document, list):
            raise CommandFailed(f"Supabase answered something else than a list of {what}")
        return [row for row in document if isinstance(row, dict)]

    def cli_environment(self, folder: Path) -> dict[str, str]:
        """The variables of the CLI; it writes into `folder` alone."""
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


def ref_of(values: Mapping[str, str]) -> str:
    """The project that `SUPABASE_PROJECT_ID` names, else the app's `...SUPABASE_URL`; "" for none."""
    if REF.fullmatch(values.get(PROJECT, "")):
        return values[PROJECT]
    named = (project_of(values[name]) for name in sorted(values) if name.endswith("SUPABASE_URL"))
    return next(filter(REF.fullmatch, named), "")


def access(desk: Desk, environment: Environment, right: str) -> tuple[str, Secret, str]:
    """Ref, token and API of an environment's project: the fields of a `Project`.

    Args:
        right: what the token must be allowed to, for the hint.

    Raises:
        Refused: ref or token is missing or malformed.
    """
    values = desk.values(environment)
    ref = ref_of(values)
    if not ref:
        raise Refused(
            f"no variable of {environment.name} names a hosted project of Supabase",
            f"set `{PROJECT}`, or a `..._SUPABASE_URL` like `https://<20 letters>.supabase.co`,"
            f" in `.env.{environment.name}`",
        )
    token = values.get("SUPABASE_ACCESS_TOKEN", "")
    if not ACCESS_TOKEN.fullmatch(token):
        raise Refused(
            f"`SUPABASE_ACCESS_TOKEN` of {environment.name} is missing, or is none",
            f"make one with {right} at {TOKENS}, and set it in `.env.{environment.name}`, or"
            f" `{name_in_ci(environment.name, 'SUPABASE_ACCESS_TOKEN')}` in CI",
        )
    return ref, Secret(token), desk.settings.secrets.supabase_api
