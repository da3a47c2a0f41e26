"""The git remote by ssh, with a deploy key that no command line and no process of the app has."""

from __future__ import annotations

import asyncio
import os
import shlex
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from tests.integration.launcher.world import free_port, world

CLIENT = asyncssh.generate_private_key("ssh-ed25519")


class Server(asyncssh.SSHServer):
    """Lets the deploy key in, and nothing else."""

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return key == CLIENT.convert_to_public()


class GitHost:
    """A host that gives a repository away, in a thread of its own; each start has another host key."""

    def __init__(self) -> None:
        self.port = free_port()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server: asyncssh.SSHAcceptor | None = None

    def start(self) -> None:
        """Listen, with a new host key."""
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(30)

    def stop(self) -> None:
        """Listen no more."""
        if self._server:
            self._loop.call_soon_threadsafe(self._server.close)

    def end(self) -> None:
        """Stop the thread as well."""
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)

    async def _listen(self) -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            self.port,
            server_factory=Server,
            server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            process_factory=_give,
            encoding=None,
            reuse_address=True,
        )


async def _give(process: asyncssh.SSHServerProcess[bytes]) -> None:
    words = shlex.split(process.command or "")
    if words[:1] != ["git-upload-pack"]:
        process.exit(1)
        return
    env = {**os.environ, "GIT_PROTOCOL": str(process.env.get("GIT_PROTOCOL", ""))}
    git = await asyncio.create_subprocess_exec(*words, stdin=-1, stdout=-1, stderr=-1, env=env)
    await process.redirect(stdin=git.stdin, stdout=git.stdout, stderr=git.stderr)
    process.exit(await git.wait())


@pytest.fixture
def host() -> Iterator[GitHost]:
    """A host that listens."""
    made = GitHost()
    made.start()
    yield made
    made.end()


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_deploy_key(tmp_path: Path, host: GitHost) -> None:
    """The launcher follows by ssh; a host that has another key all at once is not believed."""
    config = {"remote": f"ssh://git@127.0.0.1:{host.port}{tmp_path}/origin.git"}
    with world(tmp_path, config=config) as app:
        app.variables["LAUNCHER_DEPLOY_KEY"] = CLIENT.export_private_key().decode()
        app.want(app.commit())
        app.start()
        app.until_live(app.commits[0])

        key = app.app / ".launcher" / "key"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        for pid, line in app.processes().items():
            assert "PRIVATE KEY" not in line
            if "server.cjs" in line:
                assert b"LAUNCHER_" not in Path(f"/proc/{pid}/environ").read_bytes()

        host.stop()
        host.start()
        app.poke()
        app.until(lambda: "ost key" in str(app.status()["remote"]["problem"]), "the host is refused")
        assert app.answers(app.commits[0])
