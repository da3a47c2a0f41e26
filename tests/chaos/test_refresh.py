"""Killed, cut off, without its server or its disk in the midst of `db.refresh`: the old or the new one.

`DESK_LONG=1 DESK_REFRESH_ROUNDS=30 pytest -s tests/chaos/test_refresh.py` goes on longer.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from scripts.database.postgres.catalogue import OLD_SCHEMA_PREFIX
from scripts.system.temporary import PREFIX
from tests.integration.desk import Desk, ended
from tests.support import disks, processes, refreshes, skips
from tests.support.refreshes import SECRETS, TO, dumped

ROUNDS = int(os.environ.get("DESK_REFRESH_ROUNDS", "1"))
SEED = int(os.environ.get("DESK_CHAOS_SEED", str(random.randrange(10**6))))
DISK = 700  # megabytes
MOMENTS = ("mask", "search", "migrate", "dump", "restore", "compare", "switch", "analyze")
HOWS = ("kill", "kill all", "cut", "restart", "full disk")
SCHEMAS = "select nspname from pg_namespace"
OURS = """select pg_terminate_backend(pid) from pg_stat_activity
where application_name like 'release-desk%' and pid <> pg_backend_pid()"""
pytestmark = [pytest.mark.timeout(60 * 60 * 4), skips.LONG]


def test_never_a_mixture(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens in the midst of a step: staging is whole, and the next run is too."""
    monkeypatch.setenv("STAGING_MASKING_KEY", "the same from one refresh to the next")
    dice = random.Random(SEED)
    met: Counter[str] = Counter()
    with refreshes.planted(desk), disks.small(tmp_path / "disk", DISK) as disk:
        assert 0 == desk(*TO).code
        for _ in range(ROUNDS):
            how, moment, wait = dice.choice(HOWS), dice.choice(MOMENTS), dice.uniform(0, 0.4)
            told = f"seed {SEED}: {how}, {wait:.3f} s after {moment}"
            before = rows(desk)
            child = begun(desk, disk, moment)
            time.sleep(wait)
            disturb(desk, disk, how, child)
            try:
                new = whole(desk, child, disk, before)
            except BaseException as fault:
                fault.add_note(told)
                raise
            met[f"{how}: {'new' if new else 'old'}"] += 1
            print(f"{told}: {child.returncode}, {'new' if new else 'old'}", flush=True)
    print(f"{ROUNDS} rounds with seed {SEED}: {dict(sorted(met.items()))}")


def rows(desk: Desk) -> list[str]:
    """Every row of staging, but not of what stands aside."""
    told = dumped(desk, "staging").splitlines()
    return sorted(line for line in told if line.startswith("INSERT") and OLD_SCHEMA_PREFIX not in line)


def begun(desk: Desk, disk: disks.Disk, moment: str) -> subprocess.Popen[str]:
    """A refresh whose temporary files are on that disk, as far as the beginning of that step."""
    desk.sql("staging", "create table if not exists public.refresh_old (id int)")
    child = desk.start(*TO, TMPDIR=str(disk.folder))
    assert child.stderr is not None
    for line in child.stderr:
        if line.startswith(f"-> {moment} "):
            break
    return child


def disturb(desk: Desk, disk: disks.Disk, how: str, child: subprocess.Popen[str]) -> None:
    """What happens to it; at the end it is over, and all that it needs is there again."""
    if how == "kill":
        child.send_signal(signal.SIGKILL)
    elif how == "kill all":
        for pid in (child.pid, *processes.descendants(child.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    elif how == "cut":
        with desk.world.postgres.connect("postgres") as admin:
            admin.execute(OURS.encode())
    elif how == "restart":
        desk.world.postgres.stop()
        desk.world.postgres.start()
    else:
        disk.fill()
    _, errors = child.communicate(timeout=300)
    disk.free()
    assert "Traceback" not in errors, errors


def whole(desk: Desk, child: subprocess.Popen[str], disk: disks.Disk, before: list[str]) -> bool:
    """Staging is the old one or the new one; `resume` frees it, and the next run leaves nothing behind.

    True when it is the new one.
    """
    resumed = desk("resume", "--env", "staging", "--yes")
    old = desk.sql("staging", "select to_regclass('public.refresh_old') is not null")[0][0]
    told = rows(desk)

    assert 0 == resumed.code, resumed.err
    assert {} == desk.refs("refs/deploy/")
    assert [] == [each for each in SECRETS if each in "".join(told)]
    assert before == told  # the same backup and the same key make the same rows
    assert refreshes.AHEAD in desk.versions("staging")
    assert 3 == desk.sql("staging", "select count(*) from crm.people")[0][0]
    if child.returncode >= 0:
        assert old is not (child.returncode == 0)  # what it said of itself is so
    last = desk.ledger()[-1]
    assert (last["kind"] == "refresh", last["ending"] == "done") == (True, not old)
    again = ended(desk.start(*TO, TMPDIR=str(disk.folder)))
    assert 0 == again.code, again.err
    assert not desk.sql("staging", "select to_regclass('public.refresh_old') is not null")[0][0]
    assert [] == [name for (name,) in desk.sql("staging", SCHEMAS) if name.startswith(OLD_SCHEMA_PREFIX)]
    assert [] == list(disk.folder.glob(f"{PREFIX}*"))
    return not old
