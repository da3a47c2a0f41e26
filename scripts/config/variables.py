# pure
"""The desk's own variables, in one table: what `.env.<environment>` holds beside the app's variables."""

from __future__ import annotations

import re
from typing import NamedTuple

# how a line of a `.env` file is written that all parsers read alike
TO_WRITE = (
    'write NAME="value": accents and spaces need the quotes; `\\`, `$`, backticks and tabs are not allowed'
)


class DeskVariable(NamedTuple):
    """One variable that the desk reads.

    Args:
        secret: its value is masked, whatever it looks like.
        plain: CI may set it without the environment's prefix, for the environment that the run is about.
        shared: one value may serve all environments (the default of `[secrets] shared`).
        app: the app's server may read it as well, so a host may have it.
        proposed: `invoke init` writes a line for it: "always", or for an app with a "database", with
            "functions", or by "launcher".
    """

    name: str
    secret: bool = True
    plain: bool = True
    shared: bool = False
    app: bool = False
    proposed: str = ""


VARIABLES = (
    # the environment's database: migrations, backups, restores; the password may stand in the address
    DeskVariable("DATABASE_URL", proposed="database"),
    DeskVariable("DATABASE_PASSWORD", proposed="database"),
    # Replit's Publish, where `invoke replit.login` is not used
    DeskVariable("REPLIT_MCP_TOKEN", shared=True, proposed="always"),
    # reads what the launcher does, for `publish = "launcher"`: its Replit Secret of the same name
    DeskVariable("LAUNCHER_TOKEN", proposed="launcher"),
    # opens a private app: `[environment.*.access]`
    DeskVariable("REPLIT_ACCESS_TOKEN"),
    # where notices go: `TARGETS` in `notify/deliver.py`
    DeskVariable("SLACK_WEBHOOK_URL", shared=True, proposed="always"),
    DeskVariable("DISCORD_WEBHOOK_URL", shared=True, proposed="always"),
    # where `monitor.watch` reports that it is alive, after each pass
    DeskVariable("MONITOR_PING_URL", shared=True),
    # where `monitor.logs --ship` sends lines; it may hold a user and a token
    DeskVariable("LOGS_PUSH_URL", shared=True),
    DeskVariable("LOGS_PUSH_HEADERS", shared=True),
    # where `db.rehearse` may create and drop databases
    DeskVariable("SCRATCH_DATABASE_URL"),
    DeskVariable("SCRATCH_DATABASE_PASSWORD"),
    # the private age key that opens backups, and the bucket of `[backup]`
    DeskVariable("BACKUP_IDENTITY"),
    DeskVariable("BACKUP_S3_KEY_ID", secret=False),
    DeskVariable("BACKUP_S3_SECRET_KEY"),
    # Edge Functions, `env.push`, `env.diff`; and the project, where no `..._SUPABASE_URL` names it
    DeskVariable("SUPABASE_ACCESS_TOKEN", shared=True, proposed="functions"),
    DeskVariable("SUPABASE_PROJECT_ID", secret=False, proposed="functions"),
    # `doctor`, `env.diff`; not plain, since a CI job's own token says nothing of an environment
    DeskVariable("GITHUB_TOKEN", plain=False, shared=True),
    DeskVariable("GH_TOKEN", plain=False, shared=True),
    DeskVariable("SENTRY_AUTH_TOKEN", plain=False, shared=True),
    DeskVariable("SENTRY_DSN", secret=False, plain=False, shared=True, app=True),
    # `db.refresh`: the same value is masked the same way in every refresh with this key
    DeskVariable("MASKING_KEY", plain=False),
    # the accounts of the load journey `inbox`: "mail:password,mail:password"
    DeskVariable("LOAD_ACCOUNTS", plain=False),
)
NAMES = frozenset(variable.name for variable in VARIABLES)
SECRET_NAMES = frozenset(variable.name for variable in VARIABLES if variable.secret)
PLAIN_NAMES = tuple(variable.name for variable in VARIABLES if variable.plain)
SHARED_NAMES = tuple(variable.name for variable in VARIABLES if variable.shared)
# Names that begin so are the desk's too, such as a setting of a backup store that the table does not list.
OWN_PREFIXES = re.compile(r"(?:BACKUP|SCRATCH|REPLIT|LOAD|LAUNCHER)_.*")


def is_desk_only(name: str) -> bool:
    """Whether the desk alone reads this variable: neither the app nor a host of the app has it."""
    return bool(OWN_PREFIXES.fullmatch(name)) or any(
        variable.name == name and not variable.app for variable in VARIABLES
    )


def name_in_ci(environment: str, name: str) -> str:
    """By which name the process environment has a variable of an environment: `STAGING_DATABASE_URL`."""
    return f"{environment.upper().replace('-', '_')}_{name}"
