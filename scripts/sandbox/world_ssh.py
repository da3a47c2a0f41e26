"""The ssh keys of a world and the client's `ssh_config`; the person's own ssh files are not used."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scripts import DESK
from scripts.sandbox.host_config import write_private

if TYPE_CHECKING:
    import asyncssh

    from scripts.sandbox.world_facts import Environment, World

HOST = """Host {alias}
    HostName 127.0.0.1
    Port {port}
    User {user}
    IdentityFile {key}
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile {known_hosts}
    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    UpdateHostKeys no
    BatchMode yes
    LogLevel ERROR
"""
DOOR = "    ProxyCommand {command}\n"


def make_keys(world: World) -> None:
    """Make a client key and host keys; write the config and the pinned host keys to `env/`."""
    folder = world.folder / "ssh"
    folder.mkdir(mode=0o700, exist_ok=True)
    world.env_dir.mkdir(mode=0o700, exist_ok=True)
    client = _key(folder / "client_ed25519")
    write_private(folder / "authorized_keys", _public(client))
    pinned = ""
    for environment in (*world.environments, *world.slots):
        host_key = _key(environment.host_config().host_key)
        pinned += f"[127.0.0.1]:{environment.ssh_port} {_public(host_key)}"
    write_private(world.env_dir / "known_hosts", pinned)
    blocks = [
        HOST.format(
            alias=environment.alias,
            port=environment.ssh_port,
            user=environment.repl_id,
            key=_quoted(folder / "client_ed25519"),
            known_hosts=_quoted(world.env_dir / "known_hosts"),
        )
        + (DOOR.format(command=_door(environment)) if environment in world.slots else "")
        for environment in (*world.environments, *world.slots)
    ]
    write_private(world.ssh_config, "\n".join(blocks))


def _door(slot: Environment) -> str:
    """The program that starts the slot's host when it is first needed, for the shell of `ssh`."""
    argv = (sys.executable, "-m", "scripts.sandbox.door", str(slot.host), str(slot.ssh_port))
    return f"env PYTHONPATH={shlex.quote(str(DESK))} {shlex.join(argv)}".replace("%", "%%")


def _key(path: Path) -> asyncssh.SSHKey:
    """The key in a file, generated if there is none."""
    import asyncssh

    if not path.exists():
        write_private(path, asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode())
    return asyncssh.read_private_key(str(path))


def _public(key: asyncssh.SSHKey) -> str:
    return key.export_public_key().decode()


def _quoted(path: Path) -> str:
    """A path for ssh_config, where `%` starts a token and a blank ends a word."""
    return '"' + str(path).replace("%", "%%") + '"'
