"""The facts of a world: what was chosen when it was made (`world.json`), and what follows from it."""

from __future__ import annotations

import hashlib
import json
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

from scripts.database.postgres.local_server import LocalServer
from scripts.errors import Refused
from scripts.sandbox import tokens
from scripts.sandbox.host_config import HostConfig, write_private
from scripts.system import ports
from scripts.system.near import guess

MARKER: Final = "world.json"
KIND: Final = "airhost-sandbox"
SLOTS: Final = ("one", "two")
# name, ssh alias, branch
CHAIN: Final = (
    ("development", "airhost-dev", "develop"),
    ("staging", "airhost-staging", "staging"),
    ("production", "airhost-prod", "main"),
)


@dataclass(frozen=True)
class Environment:
    """One environment of a world, or a slot of previews: its host, database, secrets (all of them fakes).

    Args:
        root: the world's folder.
        name, alias, branch: such as `staging`, `airhost-staging`, `staging`.
        database_url: for `postgres`; works for psql as it stands.
        repl_id, port, ssh_port, mcp_port, mcp_token: see `host_config.HostConfig`.
        secrets: the app's environment on the host (DATABASE_URL and the three keys).
        anon_key: the key that every browser may have.
    """

    root: Path
    name: str
    alias: str
    branch: str
    repl_id: str
    port: int
    ssh_port: int
    mcp_port: int
    mcp_token: str = field(repr=False)
    database_url: str = field(repr=False)
    anon_key: str = field(repr=False)
    secrets: Mapping[str, str] = field(repr=False)
    api_port: int = 0  # 0 in a world made before the stand-in for Supabase existed
    jwt_secret: str = field(default="", repr=False)
    launcher_token: str = field(default="", repr=False)  # "" where it is released by way of the workspace

    @property
    def build_values(self) -> dict[str, str]:
        """The variables of the sample app's build."""
        return {
            "VITE_SUPABASE_URL": self.api_url,
            "VITE_SUPABASE_ANON_KEY": self.anon_key,
            "VITE_ENVIRONMENT": self.desk_name,
            "VITE_SITE_URL": self.url,
        }

    @property
    def desk_name(self) -> str:
        """The environment that the desk knows it as: a slot of previews is `preview-one`."""
        return f"preview-{self.name}" if self.name in SLOTS else self.name

    @property
    def api_url(self) -> str:
        """The URL of the stand-in for Supabase's gateway."""
        return f"http://127.0.0.1:{self.api_port}" if self.api_port else f"https://{self.name}.invalid"

    @property
    def project(self) -> str:
        """The ref of the project in the stand-in for Supabase's Management API."""
        return f"sandbox{self.name}".ljust(20, "x")[:20]

    @property
    def url(self) -> str:
        """The public address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def mcp_url(self) -> str:
        """The URL of the MCP server that publishes."""
        return f"http://127.0.0.1:{self.mcp_port}/server/mcp"

    @property
    def database(self) -> str:
        """The database's name."""
        return f"airhost_{self.name}"

    @property
    def host(self) -> Path:
        """The host's folder, where `faults.json` goes."""
        return self.root / "hosts" / self.alias

    @property
    def workspace(self) -> Path:
        """The checkout that ssh reaches (also `~/workspace` there)."""
        return self.host / "workspace"

    def host_config(self) -> HostConfig:
        """The configuration of the host's daemon."""
        return HostConfig(
            folder=self.host,
            name=self.alias,
            environment=self.name,
            repl_id=self.repl_id,
            ssh_port=self.ssh_port,
            mcp_port=self.mcp_port,
            port=self.port,
            workspace=self.workspace,
            published=self.host / "published",
            host_key=self.root / "ssh" / f"{self.alias}_host_ed25519",
            authorized_keys=self.root / "ssh" / "authorized_keys",
            npm_cache=self.root / "cache" / "npm",
            mcp_token=self.mcp_token,
            secrets={**self.secrets, **self._launcher_secrets()},
            launcher=bool(self.launcher_token),
        )

    def _launcher_secrets(self) -> dict[str, str]:
        """The Replit Secrets of an app that follows the remote by itself."""
        if not self.launcher_token:
            return {}
        own = {"DESK_ENVIRONMENT": self.desk_name, "LAUNCHER_TOKEN": self.launcher_token}
        return {**self.build_values, **own}


@dataclass(frozen=True)
class World:
    """Everything about a world that a later task needs; `world.json` (0600) holds it."""

    folder: Path
    postgres_port: int
    admin_password: str = field(repr=False)
    password: str = field(repr=False)
    environments: tuple[Environment, ...]
    inbox_port: int = 0  # 0 in a world made before the inbox existed
    inbox_token: str = field(default="", repr=False)
    slots: tuple[Environment, ...] = ()  # of previews; their hosts are started when they are first needed

    @property
    def postgres(self) -> LocalServer:
        """The one server of the three databases."""
        folder = self.folder / "postgres"
        return LocalServer(folder, self.postgres_port, self.admin_password, self.password)

    @property
    def origin(self) -> Path:
        """The bare repository."""
        return self.folder / "origin.git"

    @property
    def clone(self) -> Path:
        """A developer's checkout of `develop`, with `node_modules`."""
        return self.folder / "clone"

    @property
    def env_dir(self) -> Path:
        """The value for `AIRHOST_ENV_DIR`."""
        return self.folder / "env"

    @property
    def ssh_config(self) -> Path:
        """The file for `ssh -F`."""
        return self.env_dir / "ssh_config"

    @property
    def npm_cache(self) -> Path:
        """One cache for the clone and the workspaces."""
        return self.folder / "cache" / "npm"

    @property
    def inbox(self) -> Path:
        """The folder of the messages to Slack and Discord, where `faults.json` goes."""
        return self.folder / "inbox"

    @property
    def api(self) -> Path:
        """The folder of the stand-in for Supabase's gateway."""
        return self.folder / "api"

    @property
    def access_token(self) -> str:
        """The token of the stand-in for Supabase's Management API."""
        return "sbp_" + hashlib.sha256(self.admin_password.encode()).hexdigest()[:40]

    @property
    def driver(self) -> str:
        """How its environments are released, as `sandbox.up --driver` names it."""
        by_launcher = {bool(environment.launcher_token) for environment in self.environments}
        return "mixed" if len(by_launcher) == 2 else "launcher" if True in by_launcher else "workspace"

    def webhook(self, target: str, environment: str) -> str:
        """The webhook URL of `slack` or `discord` for an environment."""
        return f"{self.inbox_url}/{target}/{environment}/{self.inbox_token}"

    @property
    def inbox_url(self) -> str:
        """Where the inbox answers, which is Sentry's address, too."""
        return f"http://127.0.0.1:{self.inbox_port}"

    def named(self, name: str) -> Environment:
        """The environment that a person has named.

        Raises:
            Refused: there is none.
        """
        names = [environment.name for environment in self.environments]
        if name not in names:
            hint = f"{guess(name, names)}the sandbox has {', '.join(f'`{each}`' for each in names)}"
            raise Refused(f"there is no environment `{name}`", hint)
        return self.environment(name)

    def environment(self, name: str) -> Environment:
        """The environment of that name.

        Raises:
            KeyError: there is none.
        """
        return {environment.name: environment for environment in self.environments}[name]

    def describe(self) -> dict[str, object]:
        """The part of `sandbox.up --json` about the world."""
        return {
            "dir": str(self.folder),
            "env_dir": str(self.env_dir),
            "origin": str(self.origin),
            "clone": str(self.clone),
            "inbox": str(self.inbox),
            "environments": {
                environment.name: {
                    "url": environment.url,
                    "database_url": environment.database_url,
                    "api_url": environment.api_url,
                }
                for environment in self.environments
            },
            "previews": {
                slot.name: {"url": slot.url, "database_url": slot.database_url} for slot in self.slots
            },
        }

    def save(self) -> None:
        """Write `world.json`, atomically and private."""
        record = asdict(self)
        del record["folder"]
        for environment in (*record["environments"], *record["slots"]):
            del environment["root"]
        write_private(self.folder / MARKER, {"kind": KIND, **record})


def read(folder: Path) -> World | None:
    """The world of a folder; None if its marker is missing or not ours.

    What another version of the desk has written besides is left out: `down` ends that world, too.
    """
    try:
        record = json.loads((folder / MARKER).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    if not isinstance(record, dict) or record.pop("kind", None) != KIND:
        return None
    environments, slots = (
        tuple(Environment(root=folder, **_known(Environment, facts)) for facts in record.pop(kind, ()))
        for kind in ("environments", "slots")
    )
    return World(folder=folder, environments=environments, slots=slots, **_known(World, record))


def _known(kind: type[Environment | World], record: dict[str, Any]) -> dict[str, Any]:
    """What of a record is a field of `kind`."""
    names = {each.name for each in fields(kind)}
    return {name: value for name, value in record.items() if name in names}


DRIVERS: Final = {
    # the environments that are released by launcher
    "workspace": (),
    "launcher": tuple(name for name, _, _ in CHAIN),
    "mixed": ("development", "staging"),
}


def invent(folder: Path, branches: Mapping[str, str] | None = None, driver: str = "workspace") -> World:
    """Choose ports, ids and passwords for a new world.

    Args:
        branches: environment -> branch, where they are not the usual ones; such a world has no previews.
        driver: one of `DRIVERS`.
    """
    slots = () if branches else SLOTS
    postgres_port, *rest = ports.find_free(1 + 4 * (len(CHAIN) + len(slots)))
    admin_password, password = (secrets.token_urlsafe(24) for _ in range(2))
    server = LocalServer(folder / "postgres", postgres_port, admin_password, password)
    made = [
        _environment(
            folder, (name, alias, (branches or {}).get(name, branch)), server.url(f"airhost_{name}"), rest
        )
        for name, alias, branch in CHAIN
    ]
    previews = [
        _environment(
            folder,
            (name, f"airhost-preview-{name}", CHAIN[0][2]),
            server.url(f"preview_airhost_{name}"),
            rest,
        )
        for name in slots
    ]
    made = [
        replace(each, launcher_token=secrets.token_urlsafe(24)) if each.name in DRIVERS[driver] else each
        for each in made
    ]
    if driver == "launcher":
        previews = [replace(each, launcher_token=secrets.token_urlsafe(24)) for each in previews]
    world = World(folder, postgres_port, admin_password, password, tuple(made))
    return replace(with_inbox(world), slots=tuple(previews))


def _environment(
    folder: Path, names: tuple[str, str, str], database_url: str, free: list[int]
) -> Environment:
    """Invent one of that name, ssh alias and branch; it takes four of the free ports."""
    name, alias, branch = names
    jwt_secret = secrets.token_urlsafe(32)
    port, ssh_port, mcp_port, api_port = (free.pop(0) for _ in range(4))
    return Environment(
        root=folder,
        name=name,
        alias=alias,
        branch=branch,
        repl_id=str(uuid.uuid4()),
        port=port,
        ssh_port=ssh_port,
        mcp_port=mcp_port,
        mcp_token=secrets.token_urlsafe(24),
        api_port=api_port,
        jwt_secret=jwt_secret,
        database_url=database_url,
        anon_key=tokens.key("anon", jwt_secret),
        secrets={
            "DATABASE_URL": database_url,
            "WHATSAPP_VERIFY_TOKEN": secrets.token_urlsafe(18),
            "OPENAI_API_KEY": f"sk-sandbox-{secrets.token_urlsafe(24)}",
            "SUPABASE_SERVICE_ROLE_KEY": tokens.key("service_role", jwt_secret),
        },
    )


def with_inbox(world: World) -> World:
    """The world with a port and token for its inbox, which older worlds lack."""
    if world.inbox_port:
        return world
    used = {world.postgres_port}
    for environment in (*world.environments, *world.slots):
        used |= {environment.port, environment.ssh_port, environment.mcp_port, environment.api_port}
    port = next(port for port in ports.find_free(len(used) + 1) if port not in used)
    return replace(world, inbox_port=port, inbox_token=secrets.token_urlsafe(24))
