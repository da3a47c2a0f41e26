"""What a host of the sandbox knows about itself (`host.json`) and which faults it plays."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from scripts.system import leftovers

FAULTS = {
    "publish": ("lost", "fails", "hangs", "error"),
    "ssh": ("down", "drops"),
    "public": ("down", "500"),
}


@dataclass(frozen=True)
class HostConfig:
    """One host. `host.json` (0600) in `folder` holds the same names; paths as text.

    Args:
        name: the ssh alias, such as `airhost-staging`.
        environment: development, staging or production.
        repl_id: the uuid by which ssh (user) and Publish know it.
        ssh_port, mcp_port, port: loopback; `port` is the public one.
        workspace: the git checkout that ssh reaches and Publish takes a snapshot of.
        published: the folder of the snapshots.
        host_key, authorized_keys: for the SSH server.
        npm_cache: npm's cache, so that no file lands elsewhere.
        mcp_token: the bearer token that Publish demands.
        secrets: the workspace's and the app's environment, such as DATABASE_URL.
        listen_limit, build_limit: seconds that a published app and its build get.
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
    listen_limit: float = 15.0
    build_limit: float = 600.0

    @property
    def url(self) -> str:
        """The public address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def running(self) -> Path:
        """The folder of the pid files of all that this host started."""
        return self.folder / "running"

    def environ(self) -> dict[str, str]:
        """The environment of all that runs on this host: nothing of it points outside."""
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
        """The faults to play now (`FAULTS` lists them); none when there is no `faults.json`."""
        try:
            found = json.loads((self.folder / "faults.json").read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return {str(key): str(value) for key, value in found.items()}

    def save(self) -> None:
        """Write `host.json`, readable by its owner only."""
        record = {key: str(v) if isinstance(v, Path) else v for key, v in asdict(self).items()}
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
