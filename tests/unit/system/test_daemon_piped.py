"""Children of an asyncio loop, with a real one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from scripts.system import daemon
from tests.support.processes import alive


def test_a_piped_child_talks_and_is_found_by_its_pid_file(tmp_path: Path) -> None:
    """Its streams are ours, and `daemon.stop` ends it should we be gone."""

    async def talk() -> tuple[bytes, int | None, int, int]:
        child = await daemon.start_piped(tmp_path / "pid", ("cat",), cwd=tmp_path, env={})
        assert child.stdin
        assert child.stdout
        child.stdin.write(b"hello\n")
        said = await child.stdout.readline()
        found = daemon.running(tmp_path / "pid")
        await asyncio.to_thread(daemon.stop, tmp_path / "pid")
        return said, found, child.pid, await child.wait()

    said, found, pid, code = asyncio.run(talk())

    assert (b"hello\n", pid) == (said, found)
    assert code < 0
    assert not alive(pid)


def test_a_missing_program_is_an_os_error(tmp_path: Path) -> None:
    """The caller is told, and no pid file is left."""
    with pytest.raises(FileNotFoundError):
        asyncio.run(daemon.start_piped(tmp_path / "pid", ("no-such-program",), cwd=tmp_path, env={}))

    assert not (tmp_path / "pid").exists()
