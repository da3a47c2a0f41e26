"""`scripts/bootstrap`: a shell can read it, and who watches sees what it installs."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.desks import ROOT

# pip's words, as it prints them into a pipe
PIP = r"""#!/bin/sh
case "$*" in *"-m pip install"*) ;; *) exit 0 ;; esac
case "$*" in *--quiet*) exit CODE ;; esac
echo 'Ignoring tzdata: markers '\''sys_platform == "win32"'\'' do not match your environment'
echo 'Processing /wheels/six-1.17.0-py2.py3-none-any.whl (from -r requirements.txt (line 7))'
echo 'Collecting annotated-types==0.7.0 (from -r requirements.txt (line 8))'
echo '  Downloading annotated_types-0.7.0-py3-none-any.whl (13 kB)'
echo 'Collecting invoke==2.2.1 (from -r requirements.txt (line 9))'
echo 'Installing collected packages: annotated-types, invoke'
echo 'Successfully installed annotated-types-0.7.0 invoke-2.2.1'
[ CODE = 0 ] || echo 'ERROR: from pip' >&2
printf '#!/bin/sh\necho "ran $*"\n' >.venv/bin/invoke && chmod 755 .venv/bin/invoke
exit CODE
"""


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_shells_read_it(shell: str) -> None:
    """In both languages: an apostrophe would end a text."""
    if shutil.which(shell):
        subprocess.run([shell, "-n", "scripts/bootstrap"], cwd=ROOT, check=True, timeout=20)


def installed(folder: Path, code: int) -> tuple[int, str]:
    """Run it in a terminal, with a Python whose pip ends with `code`; the exit code, and what is shown."""
    (folder / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/bootstrap", folder / "scripts")
    (folder / "requirements.txt").write_text(
        "tzdata==1\nsix==1.17.0\nannotated-types==0.7.0\ninvoke==2.2.1\n"
    )
    python = folder / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(PIP.replace("CODE", str(code)))
    python.chmod(0o755)
    (folder / ".venv/bin/invoke").write_text(f"#!{python}\n")  # of this environment, so it is kept
    hidden = {"CI", "AIRHOST_ENV_DIR", "AIRHOST_LANG", "LC_ALL", "LC_MESSAGES", "LANG"}
    env = {name: value for name, value in os.environ.items() if name not in hidden} | {"TERM": "xterm"}
    parent, terminal = pty.openpty()
    with subprocess.Popen(
        [folder / "scripts/bootstrap", "status"],
        env={**env, "PATH": "/usr/bin:/bin"},  # no `uv`
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    ) as child:
        os.close(terminal)
        shown = b""
        with contextlib.suppress(OSError):  # the terminal has ended
            while piece := os.read(parent, 4096):
                shown += piece
        ended = child.wait(20)
    os.close(parent)
    return ended, shown.decode()


def test_a_person_sees_each_package_as_it_comes(tmp_path: Path) -> None:
    """One line that is rewritten, and is gone in the end."""
    code, shown = installed(tmp_path, 0)
    lines = [line.rpartition("\x1b[2K")[2] for line in shown.splitlines()]

    assert code == 0
    assert re.findall(r"2K   ([^\r]+)", shown) == [
        "1/4 tzdata",
        "2/4 six",
        "3/4 annotated-types",
        "3/4 annotated-types (13 kB)",
        "4/4 invoke",
        "4/4 unpacking ...",
    ]
    assert lines[0] == "installing requirements.txt into .venv (4 packages) ..."
    assert lines[-1] == "ran status"


def test_what_fails_is_said(tmp_path: Path) -> None:
    """With pip's own words, and its code; nothing counts as installed."""
    code, shown = installed(tmp_path, 3)

    assert code == 3
    assert "ERROR: from pip" in shown
    assert not list(tmp_path.glob(".venv/.installed-*"))
