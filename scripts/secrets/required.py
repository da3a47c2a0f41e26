"""What a release can't do without; what is missing is named at once, before anything connects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from scripts.config import logins
from scripts.config.access import TOKEN
from scripts.config.desk import Desk
from scripts.config.settings import DRIVERS, Environment
from scripts.config.variables import name_in_ci
from scripts.errors import ConfigError
from scripts.secrets.project import PROJECT, ref_of
from scripts.secrets.variables import is_local, parse_address

URL, PASSWORD = "DATABASE_URL", "DATABASE_PASSWORD"
NO_PASSWORD = "`DATABASE_URL` has no password"  # noqa: S105 - a reason
BUCKET = ("BACKUP_S3_KEY_ID", "BACKUP_S3_SECRET_KEY")
FUNCTIONS = "SUPABASE_ACCESS_TOKEN"


def needed(desk: Desk, environment: Environment, address: str) -> Iterator[tuple[str, str]]:
    """What a release of the environment can't do without, each with its reason.

    Args:
        address: the value of `DATABASE_URL`; "" for none.
    """
    for name in desk.settings.app.build_variables:
        yield name, "the build needs it (`app.build_variables`)"
    if _has_database(desk, environment):
        yield URL, "migrations need it (`database = false` for an environment without one)"
        parts = parse_address(address)
        if parts and not parts.password and not is_local(parts):
            yield PASSWORD, NO_PASSWORD
    if environment.publish != "mcp" or not _signed_in(desk, environment):
        yield from DRIVERS[environment.publish].variables.items()
    if environment.access.header:
        yield TOKEN, f"the app is private (`[environment.{environment.name}.access]`)"


def require_variables(desk: Desk, environment: Environment, *, builds: bool) -> None:
    """Refuse a run that would connect with half of its variables; `env.check` judges those that are there.

    Args:
        builds: the run builds and publishes, so it needs what `env.check` demands.

    Raises:
        ConfigError: it names each variable that is missing, as CI sets it.
    """
    values = desk.values(environment)
    wanted = dict(needed(desk, environment, values.get(URL, "")))
    connecting = {name: why for name, why in wanted.items() if name in (URL, PASSWORD, TOKEN)}
    missing = _without_value(wanted if builds else connecting, values)
    probable = _without_value(dict(_probable(desk, environment, values)), values)
    if not missing or not ({URL, PASSWORD, TOKEN} & (missing.keys() | probable.keys())):
        return
    lines = [
        f"\n  | `{name_in_ci(environment.name, name)}`: {why}" for name, why in (missing | probable).items()
    ]
    raise ConfigError(
        f"{environment.name} lacks {len(lines)} variable{'s' * (len(lines) > 1)}{''.join(lines)}",
        f"set each in CI by this name, or, without `{name_in_ci(environment.name, '')}`, in"
        f" `{desk.config_folder / f'.env.{environment.name}'}`",
    )


def _without_value(wanted: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
    return {name: why for name, why in wanted.items() if not values.get(name, "").strip()}


def _probable(desk: Desk, environment: Environment, values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What most such environments need besides; alone it refuses nothing."""
    settings = desk.settings
    parts = parse_address(values.get(URL, ""))
    if _has_database(desk, environment) and not (parts and parts.password):
        yield PASSWORD, NO_PASSWORD if parts else "unless `DATABASE_URL` has the password"
    functions = settings.supabase.functions
    if functions and any((desk.git.folder / functions).glob("*/index.*")):
        yield FUNCTIONS, "Edge Functions need it"
        if not ref_of(values):
            yield PROJECT, "Edge Functions need it, unless a `..._SUPABASE_URL` names the project"
    if environment.guarded and settings.backup.bucket:
        yield from dict.fromkeys(BUCKET, "the bucket of `[backup]` needs it").items()


def _signed_in(desk: Desk, environment: Environment) -> bool:
    """Whether `invoke replit.login` stands for `REPLIT_MCP_TOKEN` on this machine."""
    login = logins.read(logins.file_of(desk.state_folder, environment.mcp_url))
    return login is not None and login.usable


def _has_database(desk: Desk, environment: Environment) -> bool:
    return bool(environment.database and desk.settings.app.migrations)
