"""The rules of a refresh: read, and set against a schema; default deny."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from scripts.adapters import env_files
from scripts.adapters.database import masked
from scripts.adapters.database.database_url import Database
from scripts.domain.database import masking, platform
from scripts.domain.database.masking import Column, Rules
from scripts.domain.settings import Environment
from scripts.errors import ConfigError, Refused
from scripts.shell.secret import Secret
from scripts.workflows.toolbox import Toolbox

FILE = "masking.toml"
KEY = "MASKING_KEY"


@dataclass(frozen=True)
class Wanted:
    """What was asked for, checked: rules that fit the source's schema as it is now."""

    source: Environment
    target: Environment
    rules: Rules
    digest: str
    key: Secret


def wanted(tools: Toolbox, source: Environment, target: Environment) -> Wanted:
    """The rules; their absence, and each fault in them, is said before anything is read.

    Raises:
        ConfigError: there is no such file, or it has faults.
    """
    file = tools.config_folder / FILE
    if not file.is_file():
        raise ConfigError(
            f"there is no `{file}`: nobody has said what may be copied", f"see the shipped `env/{FILE}`"
        )
    rules, faults = masking.parse(env_files.toml(file))
    if faults:
        raise ConfigError(f"`{file}` has faults:{listed(faults)}", f"see the shipped `env/{FILE}`")
    digest = hashlib.sha256(json.dumps(env_files.toml(file), sort_keys=True).encode()).hexdigest()
    return Wanted(
        source, target, rules, digest, Secret(tools.values(target).get(KEY) or secrets.token_hex(32))
    )


def columns(database: Database) -> tuple[Column, ...]:
    """The columns of the app's tables."""
    return tuple(
        Column(table, name, kind, required, unique, generated, tuple(keys))
        for table, name, kind, required, unique, generated, keys in masked.columns(
            database, platform.SCHEMAS
        )
    )


def refuse(rules: Rules, known: tuple[Column, ...]) -> None:
    """Default deny.

    Raises:
        Refused: a column has no rule, or one that can't work.
    """
    found = list(masking.objections(rules, known))
    if found:
        raise Refused(
            f"the masking rules don't cover the schema; nothing was changed:{listed(found)}",
            f"say in `{FILE}` what becomes of each: keep, null, empty, hash, scrub, fake ..., truncate N",
        )


def listed(found: Iterable[object]) -> str:
    """One line each, below a message."""
    return "".join(f"\n  | {each}" for each in found)
