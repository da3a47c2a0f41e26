"""What only Linux has is used where it is guarded, or where nothing but Linux runs: people sit at Macs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.support.desks import ROOT

KERNEL = (
    r"/proc\b|/dev/shm|/sys/fs|\bepoll\b|\bprctl\b|\bpidfd_|\binotify|\bsendfile\(|\bmemfd_|\bCLOCK_BOOTTIME\b"
    r"|\bsched_(get|set)|\bO_PATH\b|\bO_TMPFILE\b|\bunshare\b|\bMSG_MORE\b|\bposix_fadvise\b"
)
GNU = (  # options, and programs that macOS lacks
    r"\bsed -i|\breadlink -f|\brealpath\b|\bdate (-d|--)|\bstat -c|\bcp --|\btail -c.* --|\bxargs -r"
    r"|\bgrep -P|\bbase64 -w|\bsort -V|\bmktemp -p|\bsetsid\b|\bflock (-|\d)|\"flock\"|present flock"
    r"|\bsetpriv\b|\btimeout \d|\bps -[a-zA-Z]*f"
)
ONLY_LINUX = re.compile(f"{KERNEL}|{GNU}")
# file -> what becomes of it on macOS
GUARDED = {
    "scripts/bootstrap": "the lock is left out where there is no `flock`",
    "scripts/quality/load/locust.py": "the machine's name says its processor only",
    "scripts/database/postgres/local_server.py": "a segment counts as free, which PostgreSQL checks itself",
    "scripts/setup/environment_checks.py": "asks the workspace at Replit",
    "scripts/system/background.py": "CLOCK_MONOTONIC goes on while a Mac sleeps",
    "scripts/system/confined.py": "is not called: `confinement.why_not`",
    "scripts/system/confinement.py": "the call is left out",
    "scripts/system/daemon.py": "`ps` says it",
    "scripts/system/leftovers.py": "`ps` finds them by command line",
}
# runs in the workspace or the published app at Replit, or in the sandbox, which was tried on Linux alone
ELSEWHERE = ("scripts/replit/launcher/", "scripts/replit/workspace", "scripts/sandbox/", "scripts/locale/")


def found() -> Iterator[tuple[str, str]]:
    """Each line that needs Linux: file, and `number: text`."""
    for file in sorted((ROOT / "scripts").rglob("*")):
        name = file.relative_to(ROOT).as_posix()
        if file.suffix in (".py", ".sh", "") and file.is_file() and not name.startswith(ELSEWHERE):
            for number, line in enumerate(file.read_text(errors="replace").splitlines(), start=1):
                if ONLY_LINUX.search(line) and not line.lstrip().startswith("#"):
                    yield name, f"{number}: {line.strip()}"


def test_what_only_linux_has_is_guarded() -> None:
    """A new use needs another way for macOS, and a row above; `docs/macos.md` tells people of it."""
    lines = [*found()]

    assert [f"{name}:{line}" for name, line in lines if name not in GUARDED] == []
    assert GUARDED.keys() - {name for name, _ in lines} == set()


def test_the_page_names_what_differs() -> None:
    """What a person may notice."""
    page = (ROOT / "docs" / "macos.md").read_text()

    assert [word for word in ("/proc", "CLOCK_BOOTTIME", "prctl", "flock") if word not in page] == []
