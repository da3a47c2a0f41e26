"""The git remote by ssh, with a deploy key that no command line and no process of the app has."""

from __future__ import annotations

import contextlib
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncssh

from tests.integration.launcher.world import free_port, world

CLIENT = asyncssh.generate_private_key("ssh-ed25519")


@contextlib.contextmanager
def git_host(port: int) -> Iterator[None]:
    """A host that lets the deploy key fetch."""
    program = Path(__file__).with_name("git_host.py")
    argv = [sys.executable, str(program), str(port), CLIENT.export_public_key().decode()]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


def test_a_deploy_key(tmp_path: Path) -> None:
    """The launcher follows by ssh; a host that has another key all at once is not believed."""
    port = free_port()
    config = {"remote": f"ssh://git@127.0.0.1:{port}{tmp_path}/origin.git"}
    with world(tmp_path, config=config) as app:
        app.variables["LAUNCHER_DEPLOY_KEY"] = CLIENT.export_private_key().decode()
        app.want(app.commit())
        with git_host(port):
            app.start()
            app.until_live(app.commits[0])

        key = app.app / ".launcher" / "key"
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        for pid, line in app.processes().items():
            assert "PRIVATE KEY" not in line
            if "server.cjs" in line:
                assert b"LAUNCHER_" not in Path(f"/proc/{pid}/environ").read_bytes()

        with git_host(port):
            app.until(lambda: "ost key" in str(app.status().get("remote")), "the host is refused")
        assert app.answers(app.commits[0])
