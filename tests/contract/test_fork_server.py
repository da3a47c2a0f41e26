"""A forked call of the desk ends as the real command does: `tests/support/fork_server.py`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tests.support import fork_server
from tests.support.desks import ROOT, configured
from tests.support.repositories import seeded

CALLS = [
    ((), {}, 0),
    (("--version",), {}, 0),
    (("deploy", "--help"), {}, 0),
    (("no-such-task",), {}, 2),
    (("history", "--json"), {}, 0),
    (("deploy", "--env", "staging", "--json"), {}, 1),
    (("history",), {"AIRHOST_ENV_DIR": "/nowhere"}, 1),
    (("freeze", "--env", "staging", "--until", "2030-01-02", "--reason", "x", "--json", "--plan"), {}, 2),
    (("env.check", "--json"), {"VITE_SECRET": "sk_live_" + "a1B2" * 8}, 1),
]


@pytest.fixture(scope="module")
def env_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration for a small repository."""
    person = seeded(tmp_path_factory.mktemp("app"))[1]
    return configured(tmp_path_factory.mktemp("env"), person.folder)


def real(*arguments: str, cwd: Path, env: dict[str, str]) -> subprocess.Popen[str]:
    """The command that `start` forks."""
    return subprocess.Popen(
        [sys.executable, "-m", "invoke", *arguments],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("call", "more", "code"), CALLS, ids=[" ".join(call) for call, _more, _code in CALLS]
)
def test_it_ends_and_speaks_as_the_command(
    env_dir: Path, call: tuple[str, ...], more: dict[str, str], code: int
) -> None:
    """The same exit code, and the same words on each stream."""
    env = {**os.environ, "AIRHOST_ENV_DIR": str(env_dir), **more}
    forked, started = fork_server.start(*call, cwd=ROOT, env=env), real(*call, cwd=ROOT, env=env)
    ours, theirs = forked.communicate(timeout=60), started.communicate(timeout=60)

    assert isinstance(forked, fork_server.Forked)
    assert (forked.returncode, *ours) == (code, *theirs)
    assert started.returncode == code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_it_as_the_command(env_dir: Path, tmp_path: Path, number: int) -> None:
    """In the middle of its work; it and, if it is asked to end, what it began."""
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        person = seeded(tmp_path / "app")[1]
        person.git("remote", "set-url", "origin", f"http://127.0.0.1:{silent.getsockname()[1]}/app.git")
        env = {**os.environ, "AIRHOST_ENV_DIR": str(configured(tmp_path / "env", person.folder))}
        endings = []
        for begin in (real, fork_server.start):
            child = begin("history", "--json", cwd=ROOT, env=env)
            with silent.accept()[0] as asked:
                child.send_signal(number)
                out, err = child.communicate(timeout=30)
                asked.settimeout(30)
                if number != signal.SIGKILL:
                    while asked.recv(4096):  # until git has ended, too
                        pass
            endings.append((child.returncode, out, err))

    assert endings[0] == endings[1]
    assert endings[0][0] == (-number if number == signal.SIGKILL else 130)


def test_it_is_a_child_of_the_caller(env_dir: Path) -> None:
    """With a process id that is its own, and with nothing of it left once it was waited for."""
    env = {**os.environ, "AIRHOST_ENV_DIR": str(env_dir)}
    child = fork_server.start("history", cwd=ROOT, env=env)
    parent = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[1]
    child.communicate(timeout=60)

    assert int(parent) == os.getpid()
    assert not Path(f"/proc/{child.pid}").exists()


def test_threads_may_begin_calls_at_once(env_dir: Path) -> None:
    """The first ones, too, while the server starts: each gets the exit code of its own child."""
    fork_server._server.cache_clear()
    env, ready = {**os.environ, "AIRHOST_ENV_DIR": str(env_dir)}, threading.Barrier(4)

    def code(*call: str) -> int:
        ready.wait(30)
        child = fork_server.start(*call, cwd=ROOT, env=env)
        child.communicate(timeout=60)
        return child.returncode

    with ThreadPoolExecutor(4) as pool:
        calls = [
            pool.submit(code, *call) for call in [("no-such-task",), ("deploy", "--env", "staging")] * 2
        ]
        assert [each.result() for each in calls] == [2, 1] * 2
