"""What came with a commit runs as another user, or is said to run as this one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest

from scripts.system import confined, confinement, daemon
from scripts.system.command import Command
from scripts.system.confinement import UID, Confinement, why_not
from scripts.system.process import attempt

needs_another_user = pytest.mark.skipif(bool(why_not()), reason=f"no other user here: {why_not()}")
HOSTILE = """
import json, os, pathlib, sys
def content(path):
    try:
        return pathlib.Path(path).read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""
places = [*sys.argv[1:], *(f"/proc/{pid}/{name}" for pid in os.listdir("/proc") if pid.isdigit()
          for name in ("environ", "cmdline"))]
print(json.dumps({"uid": os.getuid(), "seen": "".join(map(content, places)), "own": dict(os.environ)}))
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Confinement]:
    """A place, with one folder hidden."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "file").write_text("a-hidden-value")
    (tmp_path / ".env.production").write_text("a-loose-value")
    with confinement.confinement([hidden, tmp_path / ".env.production", tmp_path / "none"]) as made:
        yield made


@needs_another_user
def test_no_secret_is_in_reach(place: Confinement, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in files, whatever their mode, nor in any process, nor in its own environment."""
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o711)
    monkeypatch.setenv("PRODUCTION_DATABASE_PASSWORD", "a-value-of-ours")
    private = tmp_path / "private"
    private.write_text("a-private-value")
    private.chmod(0o600)
    with subprocess.Popen(["sleep", "30"], env={"SECRET": "a-value-of-a-process"}) as other:
        files = [private, tmp_path / "hidden" / "file", tmp_path / ".env.production"]
        argv = (sys.executable, "-c", HOSTILE, *map(str, files))
        ended = attempt(place.command(Command(argv, cwd=place.place, env={"GIVEN": "1"})))
        other.kill()
    found = json.loads(ended.out)

    assert found["uid"] == UID
    assert not re.findall(r"a-(?:hidden|loose|private|value)[a-z-]*", found["seen"])
    assert "GIVEN=1" in found["seen"]  # it did look
    assert found["own"]["GIVEN"] == "1"
    assert found["own"]["HOME"] == str(place.place / "home")
    assert not [name for name in found["own"] if "PASSWORD" in name]


@needs_another_user
def test_what_it_leaves_where_everybody_may_write_is_gone(place: Confinement) -> None:
    """Nothing passes from one run to the next one, or to a program that looks there."""
    name = f"left-{token_hex(8)}"
    code = "import sys; [open(f'{place}/{sys.argv[1]}', 'w') for place in ('/tmp', '/var/tmp', '/dev/shm')]"

    ended = attempt(place.command(Command((sys.executable, "-c", code, name), cwd=place.place)))

    assert ended.code == 0, ended.errors
    assert not [folder for folder in ("/tmp", "/var/tmp", "/dev/shm") if Path(folder, name).exists()]


@needs_another_user
def test_a_folder_is_reached_below_one_that_only_root_may_pass(place: Confinement, tmp_path: Path) -> None:
    """A checkout in root's home; what lies beside it is not seen."""
    shut = tmp_path / "shut"
    tests = shut / "deep" / "tests"
    tests.mkdir(parents=True)
    (tests / "file").write_text("reached")
    (shut / "beside").write_text("not reached")
    shut.chmod(0o700)
    code = "import os; print(open('file').read(), os.listdir('../..'))"

    ended = attempt(place.command(Command((sys.executable, "-c", code), cwd=tests), [tests]))

    assert (ended.code, ended.text.strip()) == (0, "reached ['deep']"), ended.errors


@needs_another_user
@pytest.mark.parametrize(
    ("code", "expected"), [("raise SystemExit(5)", 5), ("import os; os.kill(os.getpid(), 9)", 137)]
)
def test_the_exit_code_is_that_of_the_command(place: Confinement, code: str, expected: int) -> None:
    """As a shell puts it for a signal."""
    assert attempt(place.command(Command((sys.executable, "-c", code)))).code == expected


@needs_another_user
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_the_starter(place: Confinement, tmp_path: Path, how: int) -> None:
    """Not even a process in a session of its own, whose starter was killed."""
    code = (
        "import subprocess, time\n"
        "subprocess.Popen(['sleep', '611.5'], start_new_session=True)\n"
        "print('up', flush=True); time.sleep(600)"
    )
    command = place.command(Command((sys.executable, "-c", code)))
    starter = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen(sys.argv[1:], start_new_session=True, stdout=subprocess.PIPE)\n"
        "print(child.stdout.readline(), child.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", starter, *command.argv],
        stdout=subprocess.PIPE,
        env={**os.environ, **command.env},
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline().split()
        (os.killpg if how == signal.SIGTERM else os.kill)(
            int(line[-1]) if how == signal.SIGTERM else process.pid, how
        )
        until = time.monotonic() + 10
        while time.monotonic() < until and (_running("611.5") or daemon.start_time(int(line[-1]))):
            time.sleep(0.05)
        process.kill()

    assert not _running("611.5")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="no Python that every user may run")
@pytest.mark.parametrize("reachable", [True, False])
def test_without_namespaces_it_is_another_user_all_the_same(tmp_path: Path, reachable: bool) -> None:
    """As in some containers; what it leaves behind ends. Not below a folder of root's alone."""
    code = (
        "import os, subprocess\n"
        "subprocess.Popen(['sleep', '612.5'], start_new_session=True)\n"
        "print(os.getuid(), os.access('/proc/%d/environ' % os.getppid(), os.R_OK))"
    )
    (tmp_path / "shut" / "in").mkdir(parents=True)
    (tmp_path / "shut").chmod(0o700)
    reach = [] if reachable else [str(tmp_path / "shut" / "in")]
    spec = json.dumps({"uid": UID, "reach": reach, "hide": [], "cwd": "/"})
    without = ("setpriv", "--bounding-set=-sys_admin", "--")
    argv = (*without, sys.executable, "-I", confined.__file__, spec, "/usr/bin/python3", "-c", code)
    ended = attempt(Command(argv))

    assert (ended.code, ended.text.split()) == ((0, [str(UID), "False"]) if reachable else (97, [])), (
        ended.errors
    )
    assert not _running("612.5")


def _running(word: str) -> list[str]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if file.read_bytes() == f"sleep\0{word}\0".encode():
                found.append(file.parent.name)
        except OSError:
            continue
    return found


def test_where_it_can_not_be_another_user_it_is_this_one(
    place: Confinement, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a clean environment, and without our own environment in reach."""
    hidden: list[bool] = []
    monkeypatch.setattr(confinement, "why_not", lambda: "no root")
    monkeypatch.setattr(confinement, "hide_environment", lambda: hidden.append(True))

    command = place.command(Command(("true",), cwd=place.place, env={"A": "1"}))

    assert command.argv == ("true",)
    assert command.env["HOME"] == str(place.place / "home")
    assert hidden == [True]


def test_a_hidden_environment_can_not_be_read_by_another_process_of_the_user() -> None:
    """Its owner is root."""
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\n"
        "from scripts.system.confinement import hide_environment\n"
        "hide_environment(); print(os.stat('/proc/self/environ').st_uid)"
    )
    argv = [sys.executable, "-c", code, str(Path(confined.__file__).parents[2])]
    if os.getuid() == 0:
        argv = [
            "setpriv",
            "--reuid=64532",
            "--clear-groups",
            "--inh-caps=+dac_override",
            "--ambient-caps=+dac_override",
            "--",
            *argv,
        ]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)

    assert ended.stdout.strip() == "0", ended.stderr


def test_only_plain_files_are_taken_over(tmp_path: Path) -> None:
    """A link that the command left would make us read or write another file."""
    place, target = Confinement(tmp_path / "work"), tmp_path / "target"
    reports = place.place / "reports"
    (reports / "inner").mkdir(parents=True)
    (reports / "inner" / "a.txt").write_text("a")
    secret = tmp_path / "secret"
    secret.write_text("s")
    (reports / "link.txt").symlink_to(secret)
    (reports / "folder").symlink_to(tmp_path)
    os.mkfifo(reports / "fifo")
    (place.place / "stop").symlink_to(secret)

    place.collect("reports", target)
    place.write("stop", "now")

    assert [str(each.relative_to(target)) for each in target.rglob("*") if each.is_file()] == [
        "inner/a.txt"
    ]
    assert secret.read_text() == "s"
    assert (place.read("stop", 10), place.read("reports/fifo", 10), place.read("none", 1)) == (
        b"now",
        None,
        None,
    )
    assert place.read("reports/inner/a.txt", 0) is None


def test_what_is_taken_over_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of bytes, and of files."""
    place = Confinement(tmp_path / "work")
    (place.place / "r").mkdir(parents=True)
    for name in "abc":
        (place.place / "r" / name).write_text("12345")
    monkeypatch.setattr(confinement, "LARGEST", 7)
    place.collect("r", tmp_path / "few")
    monkeypatch.setattr(confinement, "LARGEST", 100)
    monkeypatch.setattr(confinement, "MOST", 2)
    place.collect("r", tmp_path / "two")

    assert len(list((tmp_path / "few").iterdir())) == 1
    assert len(list((tmp_path / "two").iterdir())) == 2
