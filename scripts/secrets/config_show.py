"""`config.show`: each setting and where it comes from; each variable by name, without a secret's value."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from scripts.config import env_files
from scripts.config.desk import Desk
from scripts.config.outcome import Outcome
from scripts.config.settings import Environment, Settings
from scripts.config.toml_lines import line_of, lines_of
from scripts.errors import ConfigError
from scripts.secrets.classify import PublicNames, sensitivity
from scripts.secrets.load import load_environment, public_names
from scripts.secrets.request import ConfigRequest
from scripts.secrets.variables import Variable

FILE, DEFAULT = "pipeline.toml", "default"
FOLDER = "AIRHOST_ENV_DIR"


def show(desk: Desk, request: ConfigRequest) -> Outcome:
    """Read the configuration; nothing is asked, and nothing changes."""
    chosen = [desk.settings.environment(request.env)] if request.env else list(desk.settings)
    file = desk.config_folder / FILE
    table = env_files.read_toml(file)
    lines = lines_of(env_files.read_text(file) or "", table)
    settings = [
        {"key": ".".join(path), "value": value, "source": f"{FILE}:{line}" if line else DEFAULT}
        for path, value in _flat(desk.settings, chosen)
        for line in (line_of(path, lines, table),)
    ]
    public = public_names(desk)
    variables = [row for each in chosen for row in _variables(desk, each, public)]
    own = sum(1 for each in settings if each["source"] != DEFAULT)
    read_from = f"`{FOLDER}` names it" if os.environ.get(FOLDER) else "the desk's own folder"
    counts = f"{own} settings, {len(settings) - own} defaults, {len(variables)} variables"
    return Outcome.done(
        f"`{file}` ({read_from}): {counts}",
        None if request.all else "`invoke config.show --all` shows the defaults as well",
        file=str(file), all=request.all, settings=settings, variables=variables,
    )  # fmt: skip


def _flat(settings: Settings, chosen: list[Environment]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each setting by its path in `pipeline.toml`; of the environments those that were chosen."""
    for name in (field.name for field in fields(settings)):
        if name == "environments":
            for environment in chosen:
                yield from _leaves(("environment", environment.name), environment)
        else:
            yield from _leaves((name,), getattr(settings, name))


def _leaves(path: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """A section is gone through; a list is one value, with its sections as tables."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping) and value:
        for name, each in value.items():
            if (path[0], name) != ("environment", "name"):  # it is in the path already
                yield from _leaves((*path, name), each)
    else:
        yield path, _plain(value)


def _plain(value: Any) -> Any:
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple | frozenset) else value


def _variables(desk: Desk, environment: Environment, public: PublicNames) -> Iterator[dict[str, Any]]:
    """One row a name, the value that counts last; a value is shown where a browser gets it anyway."""
    try:
        found = load_environment(desk, environment).variables
    except ConfigError as fault:
        desk.progress.note(f"warning: {environment.name}: {fault.message}")
        return
    last: dict[str, Variable] = {variable.name: variable for variable in found}
    for name, variable in sorted(last.items()):
        prefix = public.prefix(name)
        kind = "public" if prefix is not None else "secret"
        shown = kind == "public" and sensitivity(name, variable.value, prefix) == "public"
        line = f":{variable.line}" if variable.line else ""
        yield {
            "environment": environment.name, "name": name, "kind": kind,
            "source": f"{variable.file}{line}" if variable.value else "empty",
            "value": variable.value if shown else None,
        }  # fmt: skip
