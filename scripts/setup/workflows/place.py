# pure
"""Where the desk, its configuration and the app lie in a job's workspace, and what a job may know there."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from scripts.config.settings import DRIVERS, Environment, Settings
from scripts.config.variables import SECRET_NAMES, name_in_ci
from scripts.setup.workflows.yaml import Pin

CHECKOUT = Pin("actions/checkout", "3d3c42e5aac5ba805825da76410c181273ba90b1", "v7.0.1")
SETUP_NODE = Pin("actions/setup-node", "820762786026740c76f36085b0efc47a31fe5020", "v7.0.0")
UPLOAD = Pin("actions/upload-artifact", "bbbca2ddaa5d8feaa63e36b76fdaad77386f024f", "v7.0.0")
TOKEN = "${{ secrets.DESK_GITHUB_TOKEN || github.token }}"  # noqa: S105 - an expression
OWN_TOKEN = "${{ github.token }}"  # noqa: S105
NIGHTLY = "-nightly"  # the GitHub environment without reviewers: `production-nightly`

Step = dict[str, object]


class Place(NamedTuple):
    """One app's jobs.

    Args:
        desk: the desk's folder in the workspace; "." for its top.
        app: the folder of the app's checkout in the workspace; "." for its top.
        config: the configuration's folder in the workspace; "" where the desk finds it by itself.
        state: the folder of reports.
        source: repository and commit of the desk, where it is checked out beside the app; else ("", "").
        node: the version of node.
    """

    settings: Settings
    desk: str
    app: str
    config: str
    state: str
    source: tuple[str, str]
    node: str

    def checkout(self) -> list[Step]:
        """The app, and the desk beside it; neither leaves a token in its git folder."""
        app: Step = {"persist-credentials": False}
        if self.app != ".":
            app["path"] = self.app
        steps: list[Step] = [{"uses": CHECKOUT, "with": app}]
        if self.source[0]:
            beside = {
                "repository": self.source[0],
                "ref": self.source[1],
                "path": self.desk,
                "token": "${{ secrets.DESK_REPOSITORY_TOKEN || github.token }}",
                "persist-credentials": False,
            }
            steps.append({"name": "the desk", "uses": CHECKOUT, "with": beside})
        return steps

    def packages(self, *, scripts: bool) -> list[Step]:
        """Node, and the app's packages; without `scripts` nothing of the app's is run."""
        app = self.settings.app
        if not app.install:
            return []
        folder = posixpath.normpath(
            posixpath.join(self.app, app.folder, posixpath.dirname(app.lockfile) or ".")
        )
        install = app.install if scripts else (*app.install, _without_scripts(app.install))
        manager = app.install[0]
        node: Step = {
            "uses": SETUP_NODE,
            "with": {"node-version": self.node, "package-manager-cache": False},
        }
        first = {
            "pnpm": "corepack enable\n",
            "yarn": "corepack enable\n",
            "bun": "npm install --global bun\n",
        }
        step: Step = {
            "name": "packages" if scripts else "packages, without running their scripts",
            "run": f"{first.get(manager, '')}{shlex.join(install)}",
        }
        return [node, step if folder == "." else {**step, "working-directory": folder}]

    def supabase(self) -> list[Step]:
        """The Supabase CLI of the app's lock file, where migrations or Edge Functions need it."""
        return self.packages(scripts=False) if self.settings.app.migrations else []

    def desk_step(
        self, name: str, command: str, env: Mapping[str, str], before: str = "", **more: str
    ) -> Step:
        """A step that is the desk: it takes the shell's place, so that a cancelled job reaches it.

        Args:
            command: task and options as a shell reads them; text of people only by a variable.
            before: lines of shell before it.
        """
        config = {"AIRHOST_ENV_DIR": self.config} if self.config else {}
        program = "scripts/bootstrap" if self.desk == "." else f"{shlex.quote(self.desk)}/scripts/bootstrap"
        return {"name": name, **more, "env": {**config, **env}, "run": f"{before}exec {program} {command}"}

    def reports(self) -> Step:
        """Keep the reports of a job's tests."""
        return {
            "if": "${{ !cancelled() }}",
            "uses": UPLOAD,
            "with": {
                "name": "reports-${{ github.job }}",
                "path": posixpath.join(self.state, "reports"),
                "include-hidden-files": True,
                "if-no-files-found": "ignore",
                "retention-days": 14,
            },
        }


def _without_scripts(install: tuple[str, ...]) -> str:
    return "--mode=skip-build" if "--immutable" in install else "--ignore-scripts"


def release_values(settings: Settings, environment: Environment) -> dict[str, str]:
    """What a release of this environment gets, and no other environment's secrets.

    Only the access to a private app before it is another environment's: its commit has to be seen.
    """
    names = [*settings.app.build_variables, *_access(environment), *_notices()]
    names += DRIVERS[environment.publish].variables
    if settings.sentry.organization:
        names.append("SENTRY_AUTH_TOKEN")
    if environment.database:
        names += [*_database(), "SUPABASE_ACCESS_TOKEN", "SUPABASE_PROJECT_ID"]
    if environment.guarded:
        names += _backup(settings)
    before = settings.before(environment)
    other = [name_in_ci(before.name, name) for name in _access(before)] if before else []
    own = {name_in_ci(environment.name, name): _value(settings, name) for name in dict.fromkeys(names)}
    return {**own, **{name: f"${{{{ secrets.{name} }}}}" for name in other}, "GITHUB_TOKEN": TOKEN}


def test_values(settings: Settings, environment: Environment) -> dict[str, str]:
    """What the desk gets to test what is live there: the database for the rows that a load test removes.

    The app's code runs beside it, so the token that may move protected branches is not there.
    """
    names = [
        *(*settings.app.build_variables, *settings.e2e.variables, *settings.tests.variables),
        *(*_access(environment), *_notices(), "LOAD_ACCOUNTS"),
        *(_database() if environment.load.writes and environment.database else ()),
    ]
    own = {name_in_ci(environment.name, name): _value(settings, name) for name in dict.fromkeys(names)}
    return {**own, "GITHUB_TOKEN": OWN_TOKEN}


def nightly_values(settings: Settings, environment: Environment, *, opens: bool) -> dict[str, str]:
    """What backups and comparisons of a database get.

    Args:
        opens: also the key that opens backups; taking and proving one needs none.
    """
    names = [*_database(), *_backup(settings), *_notices()]
    names += ["BACKUP_IDENTITY"] if opens and settings.backup.recipients else []
    own = {name_in_ci(environment.name, name): _value(settings, name) for name in names}
    return {**own, "GITHUB_TOKEN": TOKEN}


def monitor_values(settings: Settings, environment: Environment) -> dict[str, str]:
    """What a look gets: addresses, and the database where there is one."""
    names = [*settings.app.build_variables, *_access(environment)]
    names += [*_database(), *_backup(settings)] if environment.database else []
    own = {name_in_ci(environment.name, name): _value(settings, name) for name in dict.fromkeys(names)}
    return {**own, "GITHUB_TOKEN": OWN_TOKEN}


def _value(settings: Settings, name: str) -> str:
    """A secret of the job's GitHub environment; what is public may be a variable of it."""
    public = name in settings.app.build_variables or name in ("SUPABASE_PROJECT_ID", "BACKUP_S3_KEY_ID")
    if public and name not in SECRET_NAMES:
        return either(name)
    return f"${{{{ secrets.{name} }}}}"


def preview_value(settings: Settings, name: str) -> str:
    """A value of previews, which may begin with the name of a slot: what the build gets is public."""
    built = any(name == each or name.endswith(f"_{each}") for each in settings.app.build_variables)
    return either(name) if built else f"${{{{ secrets.{name} }}}}"


def either(name: str) -> str:
    """A variable, or a secret of that name."""
    return f"${{{{ vars.{name} || secrets.{name} }}}}"


def _database() -> tuple[str, ...]:
    return ("DATABASE_URL", "DATABASE_PASSWORD")


def _notices() -> tuple[str, ...]:
    return ("SLACK_WEBHOOK_URL", "DISCORD_WEBHOOK_URL")


def _access(environment: Environment) -> tuple[str, ...]:
    return ("REPLIT_ACCESS_TOKEN",) if environment.access.header else ()


def _backup(settings: Settings) -> Iterator[str]:
    yield "SCRATCH_DATABASE_URL"
    if settings.backup.bucket:
        yield from ("BACKUP_S3_KEY_ID", "BACKUP_S3_SECRET_KEY")
