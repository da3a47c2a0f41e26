"""`scripts/bootstrap` on machines as people have them: other Pythons, variables, links, a cut-off install.

It is the real one, in a folder whose only requirement is a tiny package by the name of `invoke`.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from tests.support.desks import ROOT, Ended

INVOKE = """import pathlib, sys
def main():
    print(pathlib.Path(sys.prefix).parent.name, pathlib.Path.cwd().name, *sys.argv[1:])
"""
WRONG = "def main():\n    print('the wrong one')\n"
PARTS = {
    "invoke.py": INVOKE,
    "invoke-3.0.3.dist-info/METADATA": "Metadata-Version: 2.1\nName: invoke\nVersion: 3.0.3\n",
    "invoke-3.0.3.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "invoke-3.0.3.dist-info/entry_points.txt": "[console_scripts]\ninvoke = invoke:main\n",
}
NOBODY = 65534
# what every test needs of this machine
PROGRAMS = "sh dirname readlink uname id git ssh grep cat cmp rm mkdir flock mv tar env sed".split()


@cache
def usual_path() -> str:
    """The system's Python first if it will do: others than root may run it, too."""
    good = "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"
    system = Path("/usr/bin/python3")
    own = f"{sys.base_prefix}/bin"
    if (
        system.exists()
        and not subprocess.run([system, "-c", good], capture_output=True, check=False).returncode
    ):
        return f"{os.defpath}:{own}"
    return f"{own}:{os.defpath}"


def wheel(folder: Path) -> str:
    """Write the package; its digest."""
    file = folder / "invoke-3.0.3-py3-none-any.whl"
    record = "invoke-3.0.3.dist-info/RECORD"
    lines = []
    with zipfile.ZipFile(file, "w") as archive:
        for name, text in PARTS.items():
            archive.writestr(name, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            lines.append(f"{name},sha256={digest},{len(text)}")
        archive.writestr(record, "\n".join([*lines, f"{record},,", ""]))
    return hashlib.sha256(file.read_bytes()).hexdigest()


def call(*words: str | Path, path: str = "", **variables: str) -> Ended:
    """Type it, with nothing of this test's own Python around it."""
    environment = {"HOME": "/nowhere", "PATH": path or usual_path()}
    ended = subprocess.run(
        words,
        env={**environment, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """A desk whose path has a space, installed where every variable says that it should go elsewhere."""
    top = tmp_path_factory.mktemp("bootstrap")
    desk, other = top / "a desk", top / "other"
    (desk / "scripts").mkdir(parents=True)
    (desk / "wheels").mkdir()
    shutil.copy(ROOT / "scripts" / "bootstrap", desk / "scripts")
    digest = wheel(desk / "wheels")
    (desk / "requirements.txt").write_text(
        f"--no-index\n--find-links wheels\ninvoke==3.0.3 --hash=sha256:{digest}\n"
    )
    for name, text in {**PARTS, "invoke.py": WRONG}.items():
        (other / name).parent.mkdir(parents=True, exist_ok=True)
        (other / name).write_text(text)
    ended = call(
        desk / "scripts" / "bootstrap",
        "status",
        "--json",
        PYTHONPATH=str(other),
        PYTHONHOME=str(other),
        PIP_TARGET=str(top / "target"),
        PIP_PREFIX=str(top / "prefix"),
        PIP_USER="1",
        CDPATH=str(top),
    )
    return desk, ended


def test_it_installs_into_its_own_environment(installed: tuple[Path, Ended]) -> None:
    """And runs the task from there; the last line is how `invoke` comes into this shell."""
    desk, ended = installed

    assert (ended.code, ended.out) == (0, "a desk a desk status --json\n"), ended.err
    assert ended.err.splitlines()[-1] == "for `invoke` in this shell: `. .venv/bin/activate`"
    assert {path.name for path in desk.parent.iterdir()} == {"a desk", "other"}


def test_it_is_found_through_links(installed: tuple[Path, Ended], tmp_path: Path) -> None:
    """To the checkout, to the file, and to a link of the file; nothing is installed again."""
    desk, _ = installed
    (tmp_path / "bin").mkdir()
    (tmp_path / "checkout").symlink_to(desk)
    (tmp_path / "bin" / "desk").symlink_to("../checkout/scripts/bootstrap")
    (tmp_path / "bin" / "d").symlink_to("desk")

    for program in (tmp_path / "checkout/scripts/bootstrap", tmp_path / "bin/desk", tmp_path / "bin/d"):
        ended = call(program, "history")
        assert (ended.code, ended.out, ended.err) == (0, "a desk a desk history\n", "")


@contextmanager
def read_only(desk: Path) -> Iterator[list[str]]:
    """Nobody may write there; the words before the command that make us somebody for whom that holds."""
    inside = [desk, *(path for path in desk.rglob("*") if not path.is_symlink())]
    modes = {path: path.stat().st_mode for path in [*inside, *desk.parents[:3]]}
    try:
        for path in inside:
            path.chmod(0o555 if modes[path] & 0o100 else 0o444)
        for path in desk.parents[:3]:
            path.chmod(0o711)
        root = os.getuid() == 0
        yield ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if root else []
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


@pytest.mark.skipif(os.getuid() == 0 and not shutil.which("setpriv"), reason="root, and no `setpriv`")
def test_a_checkout_that_can_not_be_written_works(installed: tuple[Path, Ended]) -> None:
    """If all is there; else it says so, before anything is tried."""
    desk, _ = installed
    (desk / "requirements-load.txt").write_text("")
    with read_only(desk) as words:
        program = desk / "scripts" / "bootstrap"
        if call(*words, "sh", "-c", '"$0" -c ""', desk / ".venv/bin/python").code:
            pytest.skip("nobody else may run this Python")
        ready, lacks = call(*words, program, "status"), call(*words, program, "load-test")

    assert (ready.code, ready.out) == (0, "a desk a desk status\n"), ready.err
    assert lacks.code == 1
    assert "can't be written, and its `.venv` lacks what `load-test` needs" in lacks.err
    assert "hint: `git clone '" in lacks.err


def test_an_install_that_was_cut_off_is_made_anew(installed: tuple[Path, Ended], tmp_path: Path) -> None:
    """In a checkout that was moved, too; `uv` goes first where it is there, and pip where it fails."""
    desk = shutil.copytree(installed[0], tmp_path / "moved", symlinks=True)
    (desk / ".venv" / ".installing").touch()
    (desk / ".venv" / "bin" / "invoke").write_text("#!/bin/false\n")
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "uv").write_text(f'#!/bin/sh\necho "$@" >{tools}/typed\nexit 1\n')
    (tools / "uv").chmod(0o755)
    path = f"{tools}:{usual_path()}"
    ended = call(desk / "scripts" / "bootstrap", "status", path=path)

    assert (ended.code, ended.out) == (0, "moved moved status\n"), ended.err
    assert "--require-hashes -r requirements.txt" in (tools / "typed").read_text()
    assert "`uv` could not install them: pip goes on" in ended.err
    assert not (desk / ".venv" / ".installing").exists()


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder for PATH with the programs of every system, and no Python."""
    for name in PROGRAMS:
        if found := shutil.which(name):
            (tmp_path / name).symlink_to(found)
    return tmp_path


def stub(machine: Path, name: str, text: str) -> None:
    """Another program of that name."""
    (machine / name).unlink(missing_ok=True)
    (machine / name).write_text(f"#!/bin/sh\n{text}\n")
    (machine / name).chmod(0o755)


@pytest.mark.parametrize(
    ("stubs", "said"),
    [
        ({}, "| `python3`: apt-get install python3 python3-venv"),
        ({"uname": "echo Darwin"}, "| `python3`: brew install python3\n"),
        (
            {"python3": 'case "$*" in *platform*) echo 3.9.2 ;; *) exit 1 ;; esac'},
            "| `python3` 3.11 or newer: this one is 3.9.2",
        ),
        ({"uname": "echo MINGW64_NT-10.0"}, "on Windows the desk runs in WSL: `wsl --install`"),
        ({"uname": "echo MSYS_NT-10.0"}, "on Windows the desk runs in WSL"),
        ({"uname": "echo CYGWIN_NT-10.0"}, "on Windows the desk runs in WSL"),
    ],
)
def test_what_a_machine_lacks_is_said(
    installed: tuple[Path, Ended], machine: Path, stubs: dict[str, str], said: str
) -> None:
    """With the command of its system, and nothing else happens."""
    for name, text in stubs.items():
        stub(machine, name, text)
    ended = call(installed[0] / "scripts" / "bootstrap", "status", path=str(machine))

    assert (ended.code, ended.out) == (1, "")
    assert said in ended.err


@pytest.mark.parametrize("variables", [{"AIRHOST_LANG": "fr"}, {"LANG": "fr_FR.UTF-8"}], ids=str)
def test_what_a_machine_lacks_is_said_in_french(
    installed: tuple[Path, Ended], machine: Path, variables: dict[str, str]
) -> None:
    """Asked for, or by the locale."""
    stub(machine, "python3", 'case "$*" in *platform*) echo 3.9.2 ;; *) exit 1 ;; esac')
    ended = call(installed[0] / "scripts" / "bootstrap", "status", path=str(machine), **variables)

    assert ended.err.startswith("erreur : il manque à cette machine :")
    assert "| `python3` 3.11 ou plus récent : celui-ci est en 3.9.2" in ended.err
