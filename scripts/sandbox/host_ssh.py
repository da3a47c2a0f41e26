"""The SSH server of a host: asyncssh, with keys only, running commands.

As with OpenSSH, a command goes on when its client disconnects; only its pipes are closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import uuid
from asyncio.subprocess import Process
from typing import TYPE_CHECKING

import asyncssh

from scripts.system import daemon

if TYPE_CHECKING:
    from scripts.sandbox.host_config import HostConfig


CHUNK = 65536
DROP_AFTER = 0.3  # seconds; for the fault `drops`


class SshHost:
    """Accepts any user name (Replit's is the repl's id) with a key of `authorized_keys`."""

    def __init__(self, config: HostConfig) -> None:
        self._config = config
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen on `ssh_port`.

        Raises:
            OSError: the port is taken.
        """
        await asyncssh.listen(
            "127.0.0.1",
            self._config.ssh_port,
            server_factory=lambda: _Connection(self._config),
            server_host_keys=[str(self._config.host_key)],
            authorized_client_keys=str(self._config.authorized_keys),
            process_factory=self._accept,
            encoding=None,
            gss_host=None,
            password_auth=False,
            kbdint_auth=False,
            x11_forwarding=False,
            agent_forwarding=False,
            line_editor=False,
        )

    async def _accept(self, session: asyncssh.SSHServerProcess[bytes]) -> None:
        """Serve in a task of its own: asyncssh cancels this one with the connection."""
        task = asyncio.create_task(self._serve(session))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        await asyncio.shield(task)

    async def _serve(self, session: asyncssh.SSHServerProcess[bytes]) -> None:
        config = self._config
        argv = ["bash"] if session.command is None else ["bash", "-c", session.command]
        pid_file = config.running / f"ssh-{uuid.uuid4().hex[:12]}.pid"
        home = config.folder / "home"
        try:
            child = await daemon.start_piped(pid_file, argv, cwd=home, env=config.environ())
        except OSError as fault:
            session.stderr.write(f"can't run bash: {fault}\n".encode())
            session.exit(127)
            return
        if config.faults().get("ssh") == "drops":
            connection = session.channel.get_connection()
            asyncio.get_running_loop().call_later(DROP_AFTER, connection.abort)
        await _wire(session, child)
        pid_file.unlink(missing_ok=True)
        _send_exit(session, child.returncode or 0)


class _Connection(asyncssh.SSHServer):
    """Plays the fault `down`."""

    def __init__(self, config: HostConfig) -> None:
        self._config = config

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        if self._config.faults().get("ssh") == "down":
            conn.abort()


async def _wire(session: asyncssh.SSHServerProcess[bytes], child: Process) -> None:
    """Copy the three streams until the command has ended and its output is delivered."""
    if child.stdin is None or child.stdout is None or child.stderr is None:
        raise TypeError("a piped child has three pipes")
    feeding = asyncio.create_task(_feed(session.stdin, child.stdin))
    sending = [
        asyncio.create_task(_send(child.stdout, session.stdout)),
        asyncio.create_task(_send(child.stderr, session.stderr)),
    ]
    await child.wait()
    # A background process may keep the pipes open; like sshd, wait for it while the client is there.
    gone = asyncio.create_task(session.wait_closed())
    while not gone.done() and not all(task.done() for task in sending):
        unfinished = [task for task in (*sending, gone) if not task.done()]
        await asyncio.wait(unfinished, return_when=asyncio.FIRST_COMPLETED)
    for task in (feeding, gone, *sending):
        task.cancel()
    await asyncio.gather(feeding, gone, *sending, return_exceptions=True)


async def _feed(source: asyncssh.SSHReader[bytes], sink: asyncio.StreamWriter) -> None:
    """Client to command; the end of the client's side ends the command's input."""
    with contextlib.suppress(OSError, asyncssh.Error):
        while data := await source.read(CHUNK):
            sink.write(data)
            await sink.drain()
    sink.close()


async def _send(source: asyncio.StreamReader, sink: asyncssh.SSHWriter[bytes]) -> None:
    """Command to client; when the client is gone the pipe is closed, as sshd does."""
    try:
        while data := await source.read(CHUNK):
            sink.write(data)
            await sink.drain()
    except (OSError, asyncssh.Error):
        transport = getattr(source, "_transport", None)  # asyncio has no public way to close it
        if transport is not None:
            transport.close()


def _send_exit(session: asyncssh.SSHServerProcess[bytes], code: int) -> None:
    with contextlib.suppress(OSError, asyncssh.Error):
        if code < 0:
            session.exit_with_signal(signal.Signals(-code).name.removeprefix("SIG"))
        else:
            session.exit(code)
