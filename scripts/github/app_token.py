"""The token of a GitHub App for one repository: asked for with the app's key, again before it ends."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from scripts.config.env_files import readable_by_others
from scripts.errors import ConfigError, Unreachable
from scripts.http import get_json
from scripts.system.secret import Secret

TIMEOUT = 10.0
BEFORE_END = 300.0  # seconds before its end at which a token is replaced; GitHub gives them an hour
LIFETIME, SKEW = 540, 60  # of the key's own token: GitHub takes ten minutes at most, and clocks differ


@dataclass
class Installation:
    """An app that is installed for the repository.

    Args:
        key: the file of the app's private key, as GitHub gives it (PEM).
    """

    repository: str
    app: str
    key: Path
    api: str
    now: Callable[[], float] = time.time
    _token: Secret | None = field(default=None, repr=False)
    _ends: float = 0.0

    def current(self) -> Secret:
        """A token that is valid for some minutes at least.

        Raises:
            ConfigError: the key can't be read or used.
            Unreachable: GitHub gives no token for it.
        """
        if self._token is None or self.now() > self._ends - BEFORE_END:
            own = self._own_token()
            found = self._ask(own, f"/repos/{self.repository}/installation")
            number = found.get("id")
            made = self._ask(own, f"/app/installations/{number}/access_tokens", self._wanted())
            self._token = Secret(str(made.get("token", "")))
            self._ends = _moment(made.get("expires_at")) or self.now() + 3600
        return self._token

    def _wanted(self) -> dict[str, Any]:
        return {"repositories": [self.repository.partition("/")[2]]}

    def _ask(self, own: Secret, path: str, sends: dict[str, Any] | None = None) -> dict[str, Any]:
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        status, document, _ = get_json(f"{self.api.rstrip('/')}{path}", own, TIMEOUT, headers, sends)
        if status not in (200, 201) or not isinstance(document, dict):
            raise Unreachable(
                f"GitHub gives the app `{self.app}` no token for `{self.repository}` ({status})",
                "install the app for this repository (GitHub: Settings, GitHub Apps), or unset"
                " `GITHUB_APP_ID` and use `GH_TOKEN`",
            )
        return document

    def _own_token(self) -> Secret:
        """What proves that this is the app: signed with its key (RS256)."""
        import jwt

        if readable_by_others(self.key):
            raise ConfigError(
                f"the app's key `{self.key}` can be read by others", f"`chmod 600 {self.key}`"
            )
        try:
            key, now = self.key.read_text(), int(self.now())
            claims = {"iat": now - SKEW, "exp": now + LIFETIME, "iss": self.app}
            return Secret(jwt.encode(claims, key, algorithm="RS256"))
        except (OSError, ValueError, TypeError, jwt.PyJWTError) as fault:
            raise ConfigError(
                f"`GITHUB_APP_KEY_FILE` names no private key that can be used ({type(fault).__name__})",
                "it is the `.pem` that GitHub gives for the app (Developer settings, GitHub Apps)",
            ) from None


def _moment(text: object) -> float | None:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return None
