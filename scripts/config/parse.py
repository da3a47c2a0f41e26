# pure
"""From the parsed `pipeline.toml` to `Settings`: every fault with its path, all in one go."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

from scripts.config.addresses import keeps_secrets
from scripts.config.load_settings import SHIPPED, load_faults
from scripts.config.monitor_settings import monitor_faults, needs_sentry
from scripts.config.preview_settings import FAMILY, Preview, preview_faults
from scripts.config.section_faults import (
    e2e_faults,
    github_faults,
    is_below,
    path_faults,
    secrets_faults,
    sentry_faults,
)
from scripts.config.settings import (
    DRIVERS,
    E2E,
    Access,
    App,
    AppTests,
    Environment,
    Gates,
    Lock,
    Secrets,
    Settings,
    Supabase,
    Verify,
)
from scripts.config.slots import environment_of
from scripts.errors import ConfigError

Table = Mapping[str, Any]
Section = TypeVar("Section")

KINDS: dict[object, tuple[str, Callable[[Any], bool]]] = {
    str: ("a string", lambda value: isinstance(value, str)),
    bool: ("true or false", lambda value: isinstance(value, bool)),
    float: (
        "a number above 0",
        lambda value: (
            isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf
        ),
    ),
    int: (
        "a whole number, 0 or more",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0,
    ),
    tuple[str, ...]: (
        "a list of strings",
        lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
    ),
}
NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
# A subset of what git allows, in any script: no option, no metacharacter, nothing that git would refuse.
# `HEAD` and whole commit ids are left out, because git resolves them to something else than a branch.
# Of other scripts it names what is left out: Python takes 3 ms to compile a range of a million characters.
BRANCH = re.compile(
    r"(?!HEAD$|[0-9a-fA-F]{40}$|.*(\.\.|//|\.lock$|/$))"
    r"(?:[A-Za-z0-9]|[^\x00-\xa0])(?:[A-Za-z0-9._/+-]|[^\x00-\xa0]){0,200}"
)
# `known_hosts` aliases and `user@host` both pass; an option or a space does not.
SSH_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@:-]*")
HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,80}")  # RFC 9110, section 5.1


def parse(table: Table, *, file: str = "pipeline.toml") -> Settings:
    """Check the whole table and build the settings.

    Raises:
        ConfigError: one line for each fault, with the path of its key.
    """
    faults: list[str] = []
    kinds = {name: kind for name, kind in get_type_hints(Settings).items() if _is_section(kind)}
    sections: dict[str, Any] = {
        name: _section(cast("type[Any]", kind), table.get(name, {}), name, faults)
        for name, kind in kinds.items()
    }
    faults.extend(_section_faults(**sections))
    faults.extend(github_faults(sections["github"]))
    faults.extend(sentry_faults(sections["sentry"]))
    faults.extend(load_faults(sections["load"]))
    chain = _chain(table, faults)
    faults.extend(monitor_faults(sections["monitor"], chain))
    environments = _environments(table, chain, faults)
    windows = {name: each.watch for name, each in environments.items()}
    faults.extend(
        f"`{key}` needs `sentry.organization` and `sentry.projects`"
        for key in needs_sentry(sections["monitor"], windows)
        if not sections["sentry"].organization
    )
    faults.extend(_gate_faults(environments, {**SHIPPED, **sections["load"].profiles}, sections["tests"]))
    faults.extend(_preview_faults(sections["preview"], environments, sections["app"]))
    keys = ["chain", *sections, "environment"]
    faults.extend(_unknown(key, keys, "") for key in table if key not in keys)
    if faults:
        listed = "".join(f"\n  | {fault}" for fault in faults)
        raise ConfigError(
            f"`{file}` has {len(faults)} fault{'s' if len(faults) > 1 else ''}:{listed}",
            "every key is explained in the shipped `env/pipeline.toml`",
        )
    return Settings(chain=chain, environments=environments, **sections)


def _section_faults(
    *,
    app: App,
    verify: Verify,
    lock: Lock,
    secrets: Secrets,
    supabase: Supabase,
    tests: AppTests,
    e2e: E2E,
    **_others: object,
) -> list[str]:
    """What the types of the sections can't express."""
    faults = [*path_faults(app, verify), *secrets_faults(secrets), *e2e_faults(e2e)]
    if lock.ttl < 3 * lock.heartbeat:
        faults.append("`lock.ttl` should be at least three times `lock.heartbeat`")
    faults += [
        f"`tests.{key}` should be a file below the app's folder"
        for key in ("unit_report", "integration_report")
        if getattr(tests, key) and not is_below(getattr(tests, key))
    ]
    functions = supabase.functions.strip("/")
    if functions and not (is_below(functions) and f"/{functions}".endswith("/supabase/functions")):
        faults.append("`supabase.functions` should end with `supabase/functions`, where the CLI looks")
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
            environments[name] = _section(Environment, tables[name], path, faults, name=name)
            faults.extend(f"`{path}.{fault}" for fault in _environment_faults(environments[name]))
    faults.extend(_shared(environments))
    return environments


def _gate_faults(
    environments: Mapping[str, Environment], profiles: Iterable[str], tests: AppTests
) -> list[str]:
    """Gates that no proof could open."""
    faults = []
    for number, (name, environment) in enumerate(environments.items()):
        path = f"`environment.{name}.gates"
        if number == 0 and environment.gates != Gates():
            faults.append(f"{path}` should be empty: no environment comes before the first of the chain")
        if environment.gates.load not in ("", *profiles):
            listed = " or ".join(f"`{profile}`" for profile in profiles)
            faults.append(f"{path}.load` should be {listed}")
        faults += [
            f"{path}.{suite}` needs `tests.{suite}`, or the check `tests.{suite}_check`"
            for suite in ("unit", "integration")
            if getattr(environment.gates, suite)
            and not (getattr(tests, suite) or getattr(tests, f"{suite}_check"))
        ]
    return faults


def _environment_faults(environment: Environment) -> list[str]:
    """What the types can't express; each fault continues the path, whose backtick is still open."""
    faults = []
    if environment.url:
        faults += [f"url` {fault}" for fault in _url_faults(environment.url)]
    if environment.branch and not (
        BRANCH.fullmatch(environment.branch) and environment.branch.isprintable()
    ):
        faults.append("branch` is no plain branch name")
    if environment.ssh_host and not SSH_HOST.fullmatch(environment.ssh_host):
        faults.append("ssh_host` should be a host alias of the ssh configuration")
    if not environment.workspace.startswith("/"):
        faults.append("workspace` should be the whole path of the app's folder on the Replit host")
    missing = [key for key in DRIVERS[environment.publish].keys if not getattr(environment, key)]
    faults += [f'{key}` is missing: `publish = "{environment.publish}"` needs it' for key in missing]
    if environment.mcp_url and not keeps_secrets(environment.mcp_url):
        faults.append("mcp_url` should be an https address: the token would travel unencrypted")
    if "" in environment.aliases:
        faults.append("aliases` should not hold an empty name")
    return faults + _access_faults(environment.access)


def _preview_faults(preview: Preview, environments: Mapping[str, Environment], app: App) -> Iterator[str]:
    """Slots that are no place for a preview: faulty ones, and those of an environment or another slot."""
    yield from preview_faults(preview, app.build_variables)
    owners = {
        (key, value): f"environment.{name}.{key}"
        for name, environment in environments.items()
        for key in ("url", "repl_id", "ssh_host")
        if (value := getattr(environment, key).rstrip("/"))
    }
    for name in environments if preview.slots else ():
        if name == FAMILY or name.startswith(f"{FAMILY}-"):
            yield f"`chain`: `{name}` is a name of previews"
    for name, slot in preview.slots.items():
        path = f"preview.slots.{name}"
        if slot.publish not in DRIVERS:
            yield f"`{path}.publish` should be {' or '.join(f'`{each}`' for each in DRIVERS)}"
            continue
        yield from (f"`{path}.{fault}" for fault in _environment_faults(environment_of(name, slot)))
        for key in ("url", "repl_id", "ssh_host"):
            value = getattr(slot, key).rstrip("/")
            owner = owners.setdefault((key, value), f"{path}.{key}") if value else f"{path}.{key}"
            if owner != f"{path}.{key}":
                yield f"`{path}.{key}` is the one of `{owner}`"


def _access_faults(access: Access) -> list[str]:
    faults = []
    if access.header and not HEADER.fullmatch(access.header):
        faults.append("access.header` should be the name of an HTTP header, such as `Authorization`")
    if not access.prefix.isprintable():
        faults.append("access.prefix` should be plain text")
    return faults


def _url_faults(url: str) -> list[str]:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
    except ValueError:
        valid = False
    if not valid:
        return ["should be an http or https address"]
    if parts.username or parts.password or parts.query or parts.fragment:
        return ["should be a bare address: no user, password, query or fragment"]
    return []


def _shared(environments: Mapping[str, Environment]) -> list[str]:
    """What two environments share and must not: one of them is a copying mistake."""
    faults = []
    for key in ("branch", "url", "repl_id"):
        owners: dict[str, str] = {}
        for name, environment in environments.items():
            value = getattr(environment, key).rstrip("/")
            if value and value in owners:
                faults.append(f"`environment.{name}.{key}` is the one of `environment.{owners[value]}`")
            owners.setdefault(value, name)
    names = [
        name for environment in environments.values() for name in (environment.name, *environment.aliases)
    ]
    faults.extend(
        f"`{name}` names two environments" for name in dict.fromkeys(names) if names.count(name) > 1
    )
    return faults


def _section(
    kind: type[Section],
    table: object,
    path: str,
    faults: list[str],
    default: Mapping[str, Any] | None = None,
    **given: str,
) -> Section:
    """One table as its class: the fields are the keys, and a faulty value is replaced by the default.

    Args:
        default: what holds for keys that the table lacks, where that is not the class's own.
    """
    if not isinstance(table, Mapping):
        faults.append(f"`{path}` should be a table")
        table = {}
    types = {name: type_ for name, type_ in _field_types(cast("Any", kind)).items() if name not in given}
    faults.extend(_unknown(key, list(types), f"{path}.") for key in table if key not in types)
    values: dict[str, Any] = {**(default or {}), **given}
    known: Mapping[str, Any] = cast("Any", kind)._field_defaults
    for name, type_ in types.items():
        required = name not in known
        before = len(faults)
        if name in table:
            value = _value(type_, table[name], f"{path}.{name}", faults, known.get(name))
            if len(faults) == before:
                values[name] = value
        elif required:
            faults.append(f"`{path}.{name}` is missing: it should be {KINDS[type_][0]}")
        if required:
            values.setdefault(name, "")
    return kind(**values)


def _is_section(kind: object) -> bool:
    """Whether it is the class of a section: a named tuple."""
    return hasattr(kind, "_field_defaults")


@cache
def _field_types(kind: Any) -> dict[str, Any]:
    """The type of each field, worked out once for all tables of a class."""
    return get_type_hints(kind)


def _value(kind: Any, value: object, path: str, faults: list[str], default: Any = None) -> Any:
    """One value: a plain one, a section, a table of sections by name, or a list of sections."""
    if _is_section(kind):
        whole = default._asdict() if isinstance(default, kind) else None
        return _section(cast("type[Any]", kind), value, path, faults, whole)
    if get_origin(kind) is Literal:
        return _one_of(get_args(kind), value, path, faults)
    if kind in KINDS:
        description, fits = KINDS[kind]
        if not fits(value):
            faults.append(f"`{path}` should be {description}")
        return tuple(value) if isinstance(value, list) else value
    inner = get_args(kind)
    if get_origin(kind) is tuple:
        return _list(inner[0], value, path, faults)
    if not isinstance(value, Mapping):
        faults.append(f"`{path}` should be a table")
        return {}
    return {name: _value(inner[1], item, f"{path}.{name}", faults) for name, item in value.items()}


def _list(kind: Any, value: object, path: str, faults: list[str]) -> tuple[Any, ...]:
    if not isinstance(value, list):
        faults.append(f"`{path}` should be a list of tables")
        return ()
    return tuple(_value(kind, item, f"{path}[{number}]", faults) for number, item in enumerate(value))


def _one_of(choices: tuple[str, ...], value: object, path: str, faults: list[str]) -> object:
    if not isinstance(value, str):
        faults.append(f"`{path}` should be {KINDS[str][0]}")
    elif value not in choices:
        faults.append(f"`{path}` should be {' or '.join(f'`{choice}`' for choice in choices)}")
    return value


def _unknown(key: str, keys: list[str], prefix: str) -> str:
    """The fault of an unknown key, with the nearest known one."""
    near = difflib.get_close_matches(key, keys, n=1)
    guess = f": did you mean `{prefix}{near[0]}`?" if near else ""
    return f"`{prefix}{key}` is no key of this file{guess}"
