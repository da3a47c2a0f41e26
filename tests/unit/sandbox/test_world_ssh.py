"""The keys of a world, and what OpenSSH makes of its configuration."""

from __future__ import annotations

import subprocess

from scripts.sandbox.world_facts import World
from scripts.sandbox.world_ssh import make_keys
from scripts.setup.programs import ssh_target


def test_ssh_resolves_each_alias(world: World) -> None:
    """To the host's port on loopback, with the repl's id as the user."""
    make_keys(world)
    for environment in world.environments:
        assert ssh_target(environment.alias, str(world.ssh_config)) == {
            "hostname": "127.0.0.1",
            "user": environment.repl_id,
            "port": str(environment.ssh_port),
        }


def test_keys_are_private_pinned_and_kept(world: World) -> None:
    """A second time makes no new ones."""
    make_keys(world)
    files = {path: path.read_bytes() for path in [*(world.folder / "ssh").iterdir(), world.ssh_config]}
    make_keys(world)
    pinned = (world.env_dir / "known_hosts").read_text().splitlines()

    assert {path: path.read_bytes() for path in files} == files
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert [line.split()[0] for line in pinned] == [
        f"[127.0.0.1]:{environment.ssh_port}" for environment in (*world.environments, *world.slots)
    ]


def test_openssh_reads_the_keys(world: World) -> None:
    """The public half is the one that the hosts accept."""
    make_keys(world)
    argv = ["ssh-keygen", "-y", "-f", str(world.folder / "ssh" / "client_ed25519")]
    public = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()

    assert (world.folder / "ssh" / "authorized_keys").read_text().split()[:2] == public[:2]
