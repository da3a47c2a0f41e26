"""The configuration of a host (`host.json`), and the faults that it plays."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from scripts.system import leftovers

FAULTS = {
    "publish": ("lost", "fails", "hangs", "error"),
    "ssh": ("down", "drops"),
    "public": ("down", "500"),
    "sign_in": ("denied", "short", "revoked"),
}


ACCESS = "access.json"


@dataclass(frozen=True)
class Access:
    """A private app: only requests with this bearer token reach it; `ends`: until the next Publish."""

    token: str = field(repr=False)
    ends: bool = False


@dataclass(frozen=True)
class HostConfig:
    """One host. `host.json` (0600) in `folder` holds the same names; paths as text.

    Args:
        name: the ssh alias, such as `airhost-staging`.
        environment: development, staging or production.
        repl_id: the uuid that is its ssh user and its id for Publish.
        ssh_port, mcp_port, port: loopback; `port` is the public one.
        workspace: the git checkout that ssh reaches and Publish takes a snapshot of.
        published: the folder of the snapshots.
        host_key, authorized_keys: for the SSH server.
        npm_cache: npm's cache, inside the world.
        mcp_token: the bearer token of the MCP server.
        secrets: the workspace's and the app's environment, such as DATABASE_URL.
        launcher: the app is published once, and follows the git remote by itself.
        listen_limit, build_limit: timeouts of the published app's start and of its build, in seconds.
    """

    folder: Path
    name: str
    environment: str
    repl_id: str
    ssh_port: int
    mcp_port: int
    port: int
    workspace: Path
    published: Path
    host_key: Path
    authorized_keys: Path
    npm_cache: Path
    mcp_token: str = field(repr=False)
    secrets: Mapping[str, str] = field(repr=False)
    launcher: bool = False
    listen_limit: float = 15.0
    build_limit: float = 600.0

    @property
    def url(self) -> str:
        """The public address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> Path:
        """The folder of the pid files of what this host started."""
        return self.folder / "running"

    @property
    def short(self) -> Path:
        """The temporary folder of a launcher: a socket's path has about a hundred characters at most."""
        name = hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"sandbox-{name}"

    def environ(self) -> dict[str, str]:
        """The environment of what runs on this host; no path in it is outside the world."""
        home = self.folder / "home"
        return {
            "HOME": str(home),
            "USER": "runner",
            "LOGNAME": "runner",
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_CACHE_HOME": str(home / ".cache"),
            "TMPDIR": str(self.folder / "tmp"),
            "npm_config_cache": str(self.npm_cache),
            "npm_config_logs_max": "0",
            "npm_config_update_notifier": "false",
            "npm_config_fund": "false",
            "npm_config_audit": "false",
            "REPL_ID": self.repl_id,
            "REPL_SLUG": self.name,
            leftovers.WORLD: str(self.folder),
            **self.secrets,
        }

    def faults(self) -> dict[str, str]:
        """The faults in `faults.json`, of those in `FAULTS`; {} if there is no such file."""
        try:
            faults = json.loads((self.folder / "faults.json").read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return {str(key): str(value) for key, value in faults.items()}

    def access(self) -> Access | None:
        """What opens the app, if it is private (`access.json`)."""
        try:
            return Access(**json.loads((self.folder / ACCESS).read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def make_private(self, *, ends: bool = False) -> Access:
        """Lock the app up behind a new token; with `ends`, the next Publish ends it, as Replit may."""
        access = Access(secrets.token_urlsafe(24), ends)
        write_private(self.folder / ACCESS, asdict(access))
        return access

    def save(self) -> None:
        """Write `host.json`, readable by its owner only."""
        record = {
            name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()
        }
        del record["folder"]
        write_private(self.folder / "host.json", record)


def load(folder: Path) -> HostConfig:
    """Read `host.json`.

    Raises:
        FileNotFoundError: there is none.
        TypeError: a name is missing or unknown.
    """
    record = json.loads((folder / "host.json").read_bytes())
    for name in ("workspace", "published", "host_key", "authorized_keys", "npm_cache"):
        record[name] = Path(record[name])
    return HostConfig(folder=folder, **record)


def write_private(path: Path, content: object) -> None:
    """Write text, or anything else as JSON, atomically and readable by its owner only."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.touch(mode=0o600)
    with part.open("w") as file:
        file.write(content if isinstance(content, str) else json.dumps(content, indent=2))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
