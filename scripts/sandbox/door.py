"""The way to a preview's slot: `ssh`'s ProxyCommand, which starts the slot's host when it is first needed.

`python -m scripts.sandbox.door FOLDER PORT`. A host costs a second of CPU, and many a world needs no slot.
"""

from __future__ import annotations

import fcntl
import os
import socket
import sys
import threading
from pathlib import Path

CHUNK = 65_536


def main(arguments: list[str]) -> None:
    """Connect standard input and output with the SSH server of the slot whose host lies in a folder."""
    folder = Path(arguments[0])
    port = int(arguments[1])
    server = _connected(port) or _started(folder, port)
    threading.Thread(target=_feed, args=(server,), daemon=True).start()
    while data := server.recv(CHUNK):
        while data:
            data = data[os.write(sys.stdout.fileno(), data) :]


def _connected(port: int) -> socket.socket | None:
    try:
        return socket.create_connection(("127.0.0.1", port))
    except OSError:
        return None


def _started(folder: Path, port: int) -> socket.socket:
    """Start the host, unless another connection just did."""
    from scripts.sandbox import world_facts
    from scripts.sandbox.world import open_slot

    world = world_facts.read(folder.parents[1])
    if world is None:
        raise SystemExit(f"`{folder}` is in no sandbox")
    with (folder.parents[1] / f".{folder.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        open_slot(world, next(slot for slot in world.slots if slot.host == folder))
    return socket.create_connection(("127.0.0.1", port))


def _feed(server: socket.socket) -> None:
    while data := os.read(sys.stdin.fileno(), CHUNK):
        server.sendall(data)
    server.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    main(sys.argv[1:])
