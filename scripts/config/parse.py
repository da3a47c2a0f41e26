# pure
"""From the parsed `pipeline.toml` to `Settings`: every fault with its path, all in one go."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast, get_type_hints
from urllib.parse import urlsplit

from scripts.config.sections import KINDS, is_section, section, unknown
from scripts.config.settings import DRIVERS, App, Environment, Gates, Lock, Secrets, Settings, Verify
from scripts.errors import ConfigError

Table = Mapping[str, Any]

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
# A subset of what git allows: no option, no metacharacter, nothing that git itself would refuse.
# `HEAD` and whole commit ids are left out: git takes them for something else than a branch.
BRANCH = re.compile(r"(?!HEAD$|[0-9a-fA-F]{40}$|.*(\.\.|//|\.lock$|/$))[A-Za-z0-9][A-Za-z0-9._/+-]{0,200}")
REMOTE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,100}")
# `known_hosts` aliases and `user@host` both pass; an option or a space does not.
SSH_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:-]*")


def parse(table: Table, *, file: str = "pipeline.toml") -> Settings:
    """Check the whole table and build the sections.

    Raises:
        ConfigError: one line a fault, each with the path of its key.
    """
    faults: list[str] = []
    kinds = {name: kind for name, kind in get_type_hints(Settings).items() if is_section(kind)}
    sections: dict[str, Any] = {
        name: section(cast("type[Any]", kind), table.get(name, {}), name, faults)
        for name, kind in kinds.items()
    }
    faults.extend(_between(**sections))
    chain = _chain(table, faults)
    environments = _environments(table, chain, faults)
    known = ["chain", *sections, "environment"]
    faults.extend(unknown(key, known, "") for key in table if key not in known)
    if faults:
        listed = "".join(f"\n  | {fault}" for fault in faults)
        raise ConfigError(
            f"`{file}` has {len(faults)} fault{'s' if len(faults) > 1 else ''}:{listed}",
            "every key is explained in the shipped `env/pipeline.toml`",
        )
    return Settings(chain=chain, environments=environments, **sections)


def _between(app: App, verify: Verify, lock: Lock, secrets: Secrets, **_others: object) -> list[str]:
    """What the sections can't say of themselves."""
    faults = [*_path_faults(app, verify), *secrets_faults(secrets)]
    if lock.ttl < 3 * lock.heartbeat:
        faults.append("`lock.ttl` should be at least three times `lock.heartbeat`")
    return faults


def _chain(table: Table, faults: list[str]) -> tuple[str, ...]:
    chain = table.get("chain", [])
    if not KINDS[tuple[str, ...]][1](chain) or not chain:
        faults.append("`chain` should be a list of environment names")
        return ()
    if len(set(chain)) != len(chain):
        faults.append("`chain` names an environment twice")
    return tuple(chain)


def _environments(table: Table, chain: tuple[str, ...], faults: list[str]) -> dict[str, Environment]:
    tables = table.get("environment", {})
    if not isinstance(tables, Mapping):
        faults.append("`environment` should be a table of tables")
        return {}
    faults.extend(f"`environment.{name}` is not in `chain`" for name in tables if name not in chain)
    environments = {}
    for name in chain:
        if not NAME.fullmatch(name):
            faults.append(f"`chain`: `{name}` should be lower-case letters, digits and `-`")
        elif name not in tables:
            faults.append(f"`environment.{name}` is missing, though `chain` names it")
        else:
            path = f"environment.{name}"
            environments[name] = section(Environment, tables[name], path, faults, name=name)
            faults.extend(f"`{path}.{fault}" for fault in _environment_faults(environments[name]))
    faults += [
        f"`environment.{name}.gates` should be empty: no environment comes before the first of the chain"
        for name in chain[:1]
        if name in environments and environments[name].gates != Gates()
    ]
    faults.extend(_shared(environments))
    return environments


def _environment_faults(environment: Environment) -> list[str]:
    """What the types can't say; each line goes on after the path's opening backtick."""
    faults = []
    if environment.url:
        faults += [f"url` {fault}" for fault in _url_faults(environment.url)]
    if environment.branch and not BRANCH.fullmatch(environment.branch):
        faults.append("branch` is no plain branch name")
    if not environment.ssh_host:
        faults.append("ssh_host` is missing: the driver `workspace` connects to it")
    elif not SSH_HOST.fullmatch(environment.ssh_host):
        faults.append("ssh_host` should be a host alias of the ssh configuration")
    if not environment.workspace.startswith("/"):
        faults.append("workspace` should be the whole path of the app's folder on the Replit host")
    missing = [key for key in DRIVERS[environment.publish].keys if not getattr(environment, key)]
    faults += [f'{key}` is missing: `publish = "{environment.publish}"` needs it' for key in missing]
    if "" in environment.aliases:
        faults.append("aliases` should not hold an empty name")
    return faults


def _url_faults(url: str) -> list[str]:
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        known = False
    if not known:
        return ["should be an http or https address"]
    if parts.username or parts.password or parts.query or parts.fragment:
        return ["should be a bare address: no user, password, query or fragment"]
    return []


def _path_faults(app: App, verify: Verify) -> list[str]:
    """Paths that would reach another host, or another folder, than they seem to."""
    faults = []
    if not REMOTE.fullmatch(app.remote):
        faults.append("`app.remote` should be the name that a remote has in the app's checkout, no address")
    if not app.version_path.startswith("/"):
        faults.append("`app.version_path` should begin with `/`")
    faults += [f"`verify.paths` should begin with `/`: `{p}`" for p in verify.paths if p[:1] != "/"]
    parts = app.output.split("/")
    if not app.output or app.output.startswith("/") or set(parts) & {"", ".", ".."}:
        faults.append("`app.output` should be a folder below the workspace")
    if app.rollbacks and app.rollbacks.strip("/") == app.migrations.strip("/"):
        faults.append("`app.rollbacks` should not be `app.migrations`: the Supabase CLI would apply them")
    return faults


def _shared(environments: Mapping[str, Environment]) -> list[str]:
    """Two environments that share what must be theirs alone: one of them is a copying mistake."""
    faults = []
    for key in ("branch", "url", "repl_id"):
        owners: dict[str, str] = {}
        for name, environment in environments.items():
            value = getattr(environment, key).rstrip("/")
            if value and value in owners:
                faults.append(f"`environment.{name}.{key}` is the one of `environment.{owners[value]}`")
            owners.setdefault(value, name)
    names = [each for env in environments.values() for each in (env.name, *env.aliases)]
    faults.extend(
        f"`{name}` names two environments" for name in dict.fromkeys(names) if names.count(name) > 1
    )
    return faults


# `[secrets]`: what an exception needs, so that it can be judged again: a hash, a reason and an end.


DAY = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")


def secrets_faults(secrets: Secrets) -> list[str]:
    """Every fault of the section that its types can't say."""
    faults = ["`secrets.public_prefixes` should not hold an empty text"] * ("" in secrets.public_prefixes)
    for number, each in enumerate(secrets.allow):
        path = f"`secrets.allow[{number}]"
        if not re.fullmatch(r"[0-9a-f]{64}", each.sha256):
            faults.append(f"{path}.sha256` should be the 64 hex digits that `invoke env.scan --json` shows")
        if not re.fullmatch(r"LEAK[0-9]{3}", each.rule):
            faults.append(f"{path}.rule` should be a rule of `invoke env.scan`, such as `LEAK003`")
        if not each.reason.strip():
            faults.append(f"{path}.reason` should say why this is no leak")
        if not DAY.fullmatch(each.until):
            faults.append(f"{path}.until` should be a day, such as `2030-01-31`")
    for key in ("supabase_api", "github_api"):
        if not re.fullmatch(r"https?://[^\s/@?#]+(/[^\s@?#]*)?", getattr(secrets, key)):
            faults.append(f"`secrets.{key}` should be a bare http or https address")
    return faults
