"""A person's own app in the sandbox: what its checkout and its configuration say."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from scripts import DESK
from scripts.config.parse import parse
from scripts.errors import Refused
from scripts.sandbox.host_config import write_private
from scripts.sandbox.world_facts import CHAIN, Environment, World
from scripts.secrets.classify import PublicNames, is_secret
from scripts.setup import app_facts, vendor
from scripts.setup.deployment import replit_file
from scripts.setup.init import read_facts
from scripts.setup.proposal import default_answers, pipeline_toml
from scripts.setup.request import InitRequest
from scripts.setup.variables_found import example_values

FILE: Final = "app.json"
PLACES: Final = ("env", "release-env", "release-desk/env")  # where `init` writes
BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
ADDRESS: Final = re.compile(
    r"(SITE|APP|BASE|WEB|FRONTEND|PUBLIC|CANONICAL|SERVER|ORIGIN|HOST)_?(URL|ORIGIN)?$|^ORIGIN$"
)


@dataclass(frozen=True)
class OwnApp:
    """What a world keeps of a person's app (`app.json`).

    Args:
        checkout: its top.
        pipeline: its configuration; as `init` would write it where it has none.
        configured: whether it has one.
        replit: the text of the `.replit` that it lacks; "" where it has one.
        server: the variables that its server reads.
        values: what its own `.env` files give to public variables.
    """

    checkout: str
    pipeline: Mapping[str, Any]
    configured: bool
    replit: str = ""
    server: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def branches(self) -> dict[str, str]:
        """The branch of each environment of the sandbox; the usual one where the app leaves it out."""
        tables = self.pipeline.get("environment", {})
        return {name: str(tables.get(name, {}).get("branch", usual)) for name, _, usual in CHAIN}

    def save(self, world: Path) -> None:
        """Write it into a world's folder, for the next `sandbox.up` there."""
        write_private(world / FILE, asdict(self))


def load(world: Path) -> OwnApp | None:
    """The app of a world; None for the sample app."""
    try:
        record = json.loads((world / FILE).read_bytes())
    except FileNotFoundError:
        return None
    return OwnApp(**{**record, "server": tuple(record["server"])})


def same_app(folder: Path, own: OwnApp | None) -> OwnApp | None:
    """The app that the world was made of.

    Raises:
        Refused: another one was named.
    """
    present = load(folder)
    if own is not None and (present is None or present.checkout != own.checkout):
        raise Refused(
            f"the sandbox in `{folder}` is of {present.checkout if present else 'the sample app'}",
            "`invoke sandbox.down` first, or name another folder with `--dir`",
        )
    return present


def read(app: Path, app_folder: str = "") -> OwnApp:
    """Read a checkout; nothing of it is run or changed.

    Args:
        app_folder: which of several apps.

    Raises:
        Refused: it is no checkout, it has several apps, or an environment that the sandbox lacks.
        ConfigError: its configuration is faulty.
    """
    top = app_facts.checkout(app.resolve())
    facts = read_facts(None, top, InitRequest(app=str(app), app_folder=app_folder))
    written = next(
        (found for place in PLACES if (found := app_facts.read(top / place / "pipeline.toml"))), None
    )
    text = (
        written.decode()
        if written
        else pipeline_toml(vendor.template(DESK, "pipeline.toml"), facts, default_answers(facts, "."))
    )
    pipeline = tomllib.loads(text)
    parse(pipeline, file="pipeline.toml")
    known = [name for name, _, _ in CHAIN]
    foreign = [f"`{name}`" for name in pipeline["chain"] if name not in known]
    if foreign:
        raise Refused(
            f"the sandbox has no environment {', '.join(foreign)}: it has {', '.join(known)}",
            "`invoke sandbox.up` without `--app` shows the sample app",
        )
    tree = app_facts.tree(top)
    replit = "" if ".replit" in tree.files else replit_file(tree, facts)
    values = example_values(tree, str(facts.settings["folder"].value))
    values = {name: value for name, value in values.items() if name in facts.public.value}
    return OwnApp(str(top), pipeline, written is not None, replit, facts.server, values)


def pipeline_of(world: World, app: OwnApp) -> str:
    """`pipeline.toml` of the world: the app's own, with the sandbox's addresses and its short waits."""
    document: dict[str, Any] = deepcopy(dict(app.pipeline))
    _put(document, "app", repository=str(world.clone), remote="origin", committer="")
    _put(document, "verify", timeout=60, interval=0.5, request_timeout=5, window=0.3)
    _put(document, "lock", heartbeat=2, ttl=20, wait=120)
    _put(document, "notices", budget=3)
    _put(document, "sentry", organization="sandbox", projects=["sandbox"], url=world.inbox_url)
    _put(document, "secrets", provider="file", supabase_api=world.environments[0].api_url)
    _put(document, "backup", folder="", bucket="", endpoint="", recipients=[])
    tables = document["environment"]
    for name in document["chain"]:
        environment = world.environment(name)
        _put(
            tables,
            name,
            url=environment.url,
            driver="workspace",
            ssh_host=environment.alias,
            ssh_config="ssh_config",
            workspace=str(environment.workspace),
            publish="mcp",
            repl_id=environment.repl_id,
            mcp_url=environment.mcp_url,
        )
        tables[name].pop("access", None)
        if environment.host_config().access():
            tables[name]["access"] = {"header": "Authorization"}
    head = f"# {app.checkout} in the sandbox; every key is explained in the shipped `env/pipeline.toml`.\n"
    return head + "\n".join(toml(document)) + "\n"


def values_of(environment: Environment, app: OwnApp) -> dict[str, str]:
    """A value for each variable of the build: the sandbox's own, else the app's, else a made-up one."""
    names = app.pipeline["app"].get("build_variables", [])
    known = {name: known_value(environment, name) for name in names}
    return {name: known[name] or app.values.get(name, "") or _made_up(name) for name in names}


def _made_up(name: str) -> str:
    """For a public variable; a switch where the name sounds like a secret (`..._PASSWORD_REQUIRE_X`)."""
    value = f"sandbox-{name.lower()}"
    return "true" if is_secret(name, value, PublicNames().prefix(name)) else value


def with_secrets(world: World, app: OwnApp) -> World:
    """The world whose hosts have the variables of the app's server."""
    environments = tuple(
        replace(each, secrets={**each.secrets, **secrets_of(each, app), **values_of(each, app)})
        for each in world.environments
    )
    return replace(world, environments=environments)


def secrets_of(environment: Environment, app: OwnApp) -> dict[str, str]:
    """The variables of the app's server on the host: the sandbox's own, else made-up ones."""
    kept = [name for name in app.server if name not in environment.secrets and name not in HOST]
    made_up = f"sandbox-{environment.name}"  # no two environments may share a secret
    return {name: known_value(environment, name) or f"{made_up}-{name.lower()}" for name in kept}


HOST: Final = frozenset({"PORT", "HOST", "NODE_ENV", "CI", "PATH", "HOME", "TZ"})


def known_value(environment: Environment, name: str) -> str:
    """What the sandbox has for a variable, by its name; "" for nothing."""
    if name.endswith("SUPABASE_URL"):
        return environment.api_url
    if re.search(r"SERVICE_ROLE|SUPABASE_SECRET_KEY", name):
        return environment.secrets["SUPABASE_SERVICE_ROLE_KEY"]
    if (
        re.search(r"(SUPABASE|SB|ANON|PUBLISHABLE)_(ANON_|PUBLISHABLE_|API_)?KEY$", name)
        and "STRIPE" not in name
    ):
        return environment.anon_key
    if re.search(r"(DATABASE|POSTGRES\w*|DIRECT|DB|SHADOW_DATABASE)_URL(_NON_POOLING)?$", name):
        return environment.database_url
    if ADDRESS.search(name):
        return environment.url
    return environment.name if name.endswith("ENVIRONMENT") else ""


def toml(document: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    """The lines of a TOML document."""
    tables = {key: value for key, value in document.items() if isinstance(value, dict)}
    if path and (len(tables) < len(document) or not document):
        yield f"\n[{'.'.join(map(_key, path))}]"
    yield from (f"{_key(key)} = {_value(value)}" for key, value in document.items() if key not in tables)
    for key, value in tables.items():
        yield from toml(value, (*path, key))


def _key(key: str) -> str:
    return key if BARE_KEY.fullmatch(key) else json.dumps(key)


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_value(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return (
        json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool | int | float) else str(value)
    )


def _put(document: dict[str, Any], key: str, **values: object) -> None:
    document[key] = {**document.get(key, {}), **values}
