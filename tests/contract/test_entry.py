"""The `invoke` of the desk's `.venv`: what Invoke answers before it reads `tasks.py` is the desk's, too."""

from __future__ import annotations

import gc
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import VERSION
from scripts.setup.vendor import TASKS
from scripts.tasks import entry
from tests.support.desks import ROOT, Ended, environment

PIP = f"""#!{sys.executable}
# -*- coding: utf-8 -*-
import re
import sys
from invoke.main import program
if __name__ == '__main__':
    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])
    sys.exit(program.run())
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk in an app, in whose `.venv` bootstrap has been."""
    folder = tmp_path_factory.mktemp("app") / "release-desk"
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("invoke", "inv"):
        (programs / name).write_text(PIP)
        (programs / name).chmod(0o755)
    entry.install(programs)
    entry.install(programs)  # bootstrap looks each time
    for name in ("tasks.py", "scripts"):
        (folder / name).symlink_to(ROOT / name)
    (folder.parent / "tasks.py").write_text(TASKS.replace("{folder}", folder.name))
    return folder


def call(desk: Path, line: str, cwd: Path | None = None, program: str = "invoke") -> Ended:
    """Run it there; in the desk's folder if no other is named."""
    ended = subprocess.run(
        [desk / ".venv" / "bin" / program, *shlex.split(line)],
        cwd=cwd or desk, env=environment(None), stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.mark.parametrize("line", ["--version", "-V"])
def test_the_version_is_the_desks(desk: Path, line: str) -> None:
    """Also as `inv`, and from the top of the app."""
    said = f"Release desk {VERSION}\n"

    assert call(desk, line).out == said
    assert call(desk, line, program="inv").out == said
    assert call(desk, line, cwd=desk.parent).out == said


@pytest.mark.parametrize("line", ["--help", "-h"])
def test_the_help_is_the_list(desk: Path, line: str) -> None:
    """Which ends with how a task is called."""
    ended = call(desk, line)

    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("Release\n  deploy ")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--list-depth abc", "takes a number"),
        ("-T abc status", "takes a number"),
        ("-f nofile status", "there is no file `nofile`"),
        ("-c nofile status", "'nofile'"),
        ("-r /nowhere status", "Can't find any collection"),
        ("--print-completion-script ksh", "ksh"),
        ("deply", "there is no task `deply`"),
    ],
)
def test_a_mistake_in_invokes_own_options_is_a_sentence(desk: Path, line: str, said: str) -> None:
    """With exit code 2, and a document where one is wanted."""
    ended = call(desk, f"{line} --json")

    assert (ended.code, ended.document["code"]) == (2, 2)
    assert ended.err.startswith("error: ")
    assert said in ended.document["message"]
    assert "hint: " in ended.err


def test_elsewhere_the_desk_is_named(desk: Path, tmp_path: Path) -> None:
    """Where no folder above has a `tasks.py`."""
    ended = call(desk, "status", cwd=tmp_path)

    assert (ended.code, ended.out) == (2, "")
    assert f"hint: `cd {desk}`" in ended.err


def test_another_projects_tasks_are_its_own(desk: Path, tmp_path: Path) -> None:
    """An activated `.venv` is used in other folders, too: there it is plain Invoke."""
    (tmp_path / "tasks.py").write_text("import invoke\n\n@invoke.task\ndef hello(c):\n    print(1)\n")

    assert call(desk, "--version", cwd=tmp_path).out.startswith("Invoke ")
    assert call(desk, "hello", cwd=tmp_path).out == "1\n"


def test_a_closed_pipe_is_no_fault(desk: Path) -> None:
    """`invoke --help | head -1`."""
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [desk / ".venv" / "bin" / "invoke", "--help"],
        cwd=desk, env=environment(None), stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.PIPE,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    os.close(writing)

    assert ended.stderr == ""


def test_invoke_does_not_import_what_the_desk_never_uses(desk: Path) -> None:
    """A third of its start: a YAML reader twice, and mocks with asyncio."""
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", desk / ".venv" / "bin" / "invoke", "--list"],
        cwd=desk, env=environment(None), stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    imported = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}

    assert ended.returncode == 0
    assert {"invoke.config", "invoke.context"} <= imported
    assert not imported & {*entry.UNUSED, "yaml", "asyncio"}


def test_a_configuration_of_invokes_in_yaml_is_read(desk: Path, tmp_path: Path) -> None:
    """Its reader is imported then."""
    (tmp_path / "own.yaml").write_text("run: {dry: true}\n")
    ended = call(desk, f"-f {tmp_path / 'own.yaml'} status")

    assert ended.code == 2
    assert "`--dry` means `--plan`, and `status` has none" in ended.err


def test_nothing_is_collected_while_a_task_starts(desk: Path) -> None:
    """And who imports the file, as this test, keeps the collector."""
    (desk.parent / "late.py").write_text(
        "import runpy, gc, os, sys\nos.chdir(sys.argv[1])\n"
        "runpy.run_path('scripts/tasks/entry.py')['of_the_desk'](sys.argv[1])\nprint(gc.isenabled())\n"
    )
    ended = subprocess.run(
        [sys.executable, desk.parent / "late.py", desk],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert ended.stdout == "False\n"
    assert gc.isenabled()


def test_another_projects_tasks_have_mocks_and_a_collector(desk: Path, tmp_path: Path) -> None:
    """Invoke's own helper for tests, and the module itself for who imports it."""
    (tmp_path / "tasks.py").write_text(
        "import gc, unittest.mock\nimport invoke\n\n@invoke.task\ndef hello(c):\n"
        "    mocked = invoke.MockContext(run=invoke.Result('said'))\n"
        "    print(mocked.run('x').stdout, isinstance(mocked.run, unittest.mock.Mock), gc.isenabled())\n"
    )

    assert call(desk, "hello", cwd=tmp_path).out == "said True True\n"
