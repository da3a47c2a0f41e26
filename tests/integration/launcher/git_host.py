"""Gives repositories away by ssh, in a process of its own: `python git_host.py PORT PUBLIC_KEY`.

Each start has another host key.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import sys

import asyncssh


class Server(asyncssh.SSHServer):
    """Lets the one key in, and nothing else."""

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return key == asyncssh.import_public_key(sys.argv[2])


async def give(process: asyncssh.SSHServerProcess[bytes]) -> None:
    """Let the visitor fetch, and do nothing else."""
    words = shlex.split(process.command or "")
    if words[:1] != ["git-upload-pack"]:
        process.exit(1)
        return
    env = {**os.environ, "GIT_PROTOCOL": str(process.env.get("GIT_PROTOCOL", ""))}
    git = await asyncio.create_subprocess_exec(*words, stdin=-1, stdout=-1, stderr=-1, env=env)
    await process.redirect(stdin=git.stdin, stdout=git.stdout, stderr=git.stderr)
    process.exit(await git.wait())


async def serve() -> None:
    """For ever."""
    await asyncssh.listen(
        "127.0.0.1",
        int(sys.argv[1]),
        server_factory=Server,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        process_factory=give,
        encoding=None,
    )
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
