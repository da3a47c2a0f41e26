"""The refs of a remote over one connection that stays open: a question is one round trip instead of three.

Spoken with the program that git itself starts for HTTP (`stateless-connect` in gitremote-helpers(7), the
answers by gitprotocol-v2(5)). After any other answer the connection is closed and `git ls-remote` is run,
as for every other remote.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

from scripts.errors import CommandFailed
from scripts.git.command import git_command
from scripts.system.background import submit
from scripts.system.dialogue import Dialogue
from scripts.system.process import attempt

WAIT = 20.0  # seconds for an answer; `ls-remote` is asked after that
PREFIXES = ("refs/heads/", "refs/deploy/")
LINE = re.compile(rb"([0-9a-f]{40}) (refs/[^ \n]+)( [^\n]*)?\n?")
FLUSH, DELIMITER, END = b"0000", b"0001", b"0002"  # the packets without content
_lines: dict[tuple[Path, str], RefsLine] = {}


class RefsLine:
    """The connection to one remote; one thread asks at a time."""

    def __init__(self, folder: Path, remote: str) -> None:
        self._guard = threading.Lock()
        self._opened = submit(_open, folder, remote)

    def ask(self) -> dict[str, str] | None:
        """The branches and deploy refs now; None where this connection has no answer."""
        if not self._guard.acquire(blocking=False):
            return None
        try:
            line = self._opened.result()
            return _refs_in(line.ask(_question(), _is_whole, WAIT)) if line else None
        except (CommandFailed, ValueError):
            self.close()
            return None
        finally:
            self._guard.release()

    def close(self) -> None:
        """End the program."""
        opened, self._opened = self._opened, submit(_nothing)
        if opened.done() and not opened.exception() and (line := opened.result()):
            line.end()


def hold(folder: Path, remote: str) -> None:
    """Open a connection in the background, unless there is one."""
    if (folder, remote) not in _lines:
        _lines[folder, remote] = RefsLine(folder, remote)


def drop(folder: Path, remote: str) -> None:
    """Close the connection, if there is one."""
    if line := _lines.pop((folder, remote), None):
        line.close()


def ask(folder: Path, remote: str) -> dict[str, str] | None:
    """The refs by the open connection; None where there is none, or it has no answer."""
    line = _lines.get((folder, remote))
    return line.ask() if line else None


def _nothing() -> None:
    """What takes the place of a closed connection."""


def _open(folder: Path, remote: str) -> Dialogue | None:
    """A connection to a server that speaks version 2 of the protocol; None for any other remote."""
    url = attempt(git_command(folder, ("remote", "get-url", "--", remote), WAIT)).text.strip()
    if not url.startswith(("http://", "https://")):
        return None
    helper = f"remote-{url.partition(':')[0]}"
    line = Dialogue(git_command(folder, (helper, remote, url), WAIT))
    try:
        said = line.ask(b"stateless-connect git-upload-pack\n", _is_greeting, WAIT)
    except CommandFailed:
        return None
    if said.startswith(b"\n") and b"version 2" in said and b"object-format=sha256" not in said:
        return line
    line.end()
    return None


def _is_greeting(said: bytes) -> bool:
    """An empty line and what the server can do; or a line that says no."""
    return _is_whole(said[1:]) if said.startswith(b"\n") else b"\n" in said


def _question() -> bytes:
    words = [b"command=ls-refs\n", None, *(b"ref-prefix %b\n" % each.encode() for each in PREFIXES)]
    packets = [DELIMITER if word is None else b"%04x%b" % (len(word) + 4, word) for word in words]
    return b"".join(packets) + FLUSH


def _packets(answer: bytes) -> Iterator[bytes]:
    """Each packet that is there as a whole, without its length; those without content as they are.

    Raises:
        ValueError: it is none.
    """
    at = 0
    while len(head := answer[at : at + 4]) == len(FLUSH):
        size = int(head, 16)
        if head in (FLUSH, DELIMITER, END):
            yield head
            at += 4
        elif size < len(FLUSH):
            raise ValueError(head)
        elif at + size > len(answer):
            return
        else:
            yield answer[at + 4 : at + size]
            at += size


def _is_whole(answer: bytes) -> bool:
    """Its last packet is there, or the helper says that no more comes."""
    found = list(_packets(answer.removeprefix(END)))  # that of the answer before this one may come late
    return FLUSH in found or END in found


def _refs_in(answer: bytes) -> dict[str, str]:
    """The refs that the packets name.

    Raises:
        ValueError: a packet says something else.
    """
    refs, packets = {}, [each for each in _packets(answer) if each != END]
    if packets[-1:] != [FLUSH]:
        raise ValueError("the answer broke off")
    for packet in packets[:-1]:
        line = LINE.fullmatch(packet)
        if line is None:
            raise ValueError(packet[:80])
        refs[line[2].decode("utf-8", "surrogateescape")] = line[1].decode()
    return refs
