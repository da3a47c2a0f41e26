"""What a workflow works with: settings, the tools, the clock, and a way to say how it goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from scripts.adapters.git import Git
from scripts.domain.settings import Environment, Settings
from scripts.errors import ConfigError, Refused
from scripts.shell.clock import begun, boottime
from scripts.shell.secret import Secret

if TYPE_CHECKING:  # what only a release needs
    from scripts.adapters.database.database_url import Database
    from scripts.adapters.database.postgres import Postgres
    from scripts.domain.release.live import Answer
    from scripts.domain.release.plan import Plan


class Progress(Protocol):
    """Where workflows say how it goes; the console shows it, a test records it."""

    def plan(self, plan: Plan) -> None:
        """The plan is made."""

    def begin(self, step: str, detail: str) -> None:
        """A step begins."""

    def end(self, step: str, ending: str, seconds: float) -> None:
        """A step has ended: `done` or `failed`."""

    def note(self, text: str) -> None:
        """Something worth saying happened."""

    def output(self, text: str) -> None:
        """What another program prints, as it comes."""

    def confirm(self, environment: str) -> bool:
        """Ask the person to type the environment's name."""

    def ask(self, question: str, default: str) -> str:
        """Ask a person something; the default where nobody is there, or nothing is said."""

    def agree(self, question: str) -> bool:
        """Ask a person for a yes; no where nobody is there."""


@dataclass(frozen=True)
class Toolbox:
    """Filled by `app.py`, or by a test.

    Args:
        values: the variables of an environment: `.env.<name>`, then the process environment.
        process: what the process environment alone says of one; given the names that its file has.
        config_folder: the folder of `pipeline.toml`.
        state_folder: where journals and undelivered notices lie, on this machine only.
        started: when the command was typed, by the clock.
    """

    settings: Settings
    git: Git
    progress: Progress
    values: Callable[[Environment], Mapping[str, str]]
    config_folder: Path
    state_folder: Path
    actor: str
    host: str
    now: Callable[[], str]
    new_id: Callable[[], str]
    process: Callable[[Environment, tuple[str, ...]], Mapping[str, str]] = lambda _environment, _known: {}
    clock: Callable[[], float] = boottime
    sleep: Callable[[float], None] = time.sleep
    started: float = field(default_factory=begun)

    def look(self, environment: Environment) -> Answer:
        """Ask an environment's public URL what it is."""
        from scripts.adapters import http
        from scripts.domain.release.live import Answer

        verify = self.settings.verify
        seen = http.look(
            environment.url,
            self.settings.app.version_path,
            verify.paths,
            verify.request_timeout,
        )
        stamp = seen.stamp
        return Answer(
            status=seen.status,
            commit=stamp.get("commit"),
            environment=stamp.get("environment"),
            schema=stamp.get("schema"),
            pages=seen.pages,
            error=seen.error,
        )

    def database(self, environment: Environment) -> Database | None:
        """The environment's database, None when the app or the environment has none.

        Raises:
            ConfigError: it should have one, but its address is missing or can't be used.
        """
        if not (environment.database and self.settings.app.migrations):
            return None
        values = self.values(environment)
        url = values.get("DATABASE_URL")
        if not url:
            raise ConfigError(
                f"`DATABASE_URL` of {environment.name} is missing",
                f"set it in `{self.config_folder / f'.env.{environment.name}'}`, "
                "or say `database = false` in `pipeline.toml`",
            )
        from scripts.adapters.database.database_url import database_of

        return database_of(
            url,
            values.get("DATABASE_PASSWORD"),
            where=f"`.env.{environment.name}`",
            folder=self.config_folder,
        )

    def postgres(self, environment: Environment) -> Postgres | None:
        """The environment's database, ready to be asked."""
        from scripts.adapters.database.postgres import Postgres

        database = self.database(environment)
        return Postgres(database) if database else None

    def mcp_token(self, environment: Environment) -> Secret | None:
        """The token for Replit's MCP server."""
        token = self.values(environment).get("REPLIT_MCP_TOKEN")
        return Secret(token) if token else None

    def build_variables(self, environment: Environment) -> dict[str, str]:
        """The variables that the app's build gets, and no others.

        Raises:
            Refused: one of them has no value; the app would be built, and be dead.
        """
        values, names = self.values(environment), self.settings.app.build_variables
        missing = ", ".join(f"`{name}`" for name in names if name not in values)
        if missing:
            raise Refused(
                f"the build of {environment.name} needs {missing}",
                f"set it in `{self.config_folder / f'.env.{environment.name}'}`, or in CI's environment",
            )
        return {name: values[name] for name in names}
