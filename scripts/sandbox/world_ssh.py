"""The keys of a world and the client's `ssh_config`: nothing of the person's own ssh is used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scripts.sandbox.host_config import write_private

if TYPE_CHECKING:
    import asyncssh

    from scripts.sandbox.world_facts import World

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


def make_keys(world: World) -> None:
    """One client key, one host key each, and in `env/` the config and the pinned host keys."""
    folder = world.folder / "ssh"
    folder.mkdir(mode=0o700, exist_ok=True)
    world.env_dir.mkdir(mode=0o700, exist_ok=True)
    client = _key(folder / "client_ed25519")
    write_private(folder / "authorized_keys", _public(client))
    known = ""
    for each in world.environments:
        host_key = _key(each.host_config().host_key)
        known += f"[127.0.0.1]:{each.ssh_port} {_public(host_key)}"
    write_private(world.env_dir / "known_hosts", known)
    blocks = [
        HOST.format(
            alias=each.alias,
            port=each.ssh_port,
            user=each.repl_id,
            key=_quoted(folder / "client_ed25519"),
            known_hosts=_quoted(world.env_dir / "known_hosts"),
        )
        for each in world.environments
    ]
    write_private(world.ssh_config, "\n".join(blocks))


def _key(path: Path) -> asyncssh.SSHKey:
    """The key in the file, made if there is none."""
    import asyncssh

    if not path.exists():
        write_private(path, asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode())
    return asyncssh.read_private_key(str(path))


def _public(key: asyncssh.SSHKey) -> str:
    return key.export_public_key().decode()


def _quoted(path: Path) -> str:
    """For ssh_config, where `%` begins a token and a blank ends a word."""
    return '"' + str(path).replace("%", "%%") + '"'
