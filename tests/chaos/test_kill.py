"""SIGKILL anywhere; then `resume` from a fresh clone, with nothing of the dead run's machine.

`DESK_CHAOS_ROUNDS=200 DESK_CHAOS_SEED=7 pytest tests/chaos` goes on longer; the seed is printed.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.sandbox import world
from tests.integration.desk import ROOT, Desk, ended, git

ROUNDS = int(os.environ.get("DESK_CHAOS_ROUNDS", "6"))
SEED = int(os.environ.get("DESK_CHAOS_SEED", str(random.randrange(10**6))))
STEPS = ("lock", "probe", "migrate", "build", "publish", "verify", "finish")
pytestmark = [pytest.mark.xdist_group("chaos"), pytest.mark.timeout(60 * 60 * 4)]


@dataclass(frozen=True)
class Elsewhere:
    """Another machine: a fresh clone and a configuration of its own; no journal, no state."""

    desk: Desk
    env_dir: Path

    @classmethod
    def of(cls, desk: Desk, folder: Path) -> Elsewhere:
        """Clone the origin anew."""
        shutil.rmtree(folder, ignore_errors=True)
        git(desk.world.folder, "clone", "-q", str(desk.world.origin), str(folder / "clone"))
        shutil.copytree(desk.world.env_dir, folder / "env")
        manual = folder / "env" / "pipeline.toml"
        text = manual.read_text().replace(str(desk.world.clone), str(folder / "clone"))
        cli = next(desk.world.clone.glob("node_modules/@supabase/cli-*/bin/supabase"))
        manual.write_text(text + f'\n[supabase]\ncli = "{cli}"\n')
        return cls(desk, folder / "env")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A world of its own: what is killed here must disturb nobody."""
    folder = tmp_path_factory.mktemp("chaos") / "sandbox"
    made = world.up(folder, on_step=lambda _step: None)
    manual = made.env_dir / "pipeline.toml"
    manual.write_text(
        manual.read_text().replace("timeout = 20", "timeout = 8").replace("ttl = 5", "ttl = 3")
    )
    desk = Desk(made)
    try:
        assert desk("deploy", "--env", "development").code == 0
        assert desk("promote", "--to", "staging").code == 0
        yield desk
    finally:
        world.down(folder, on_step=lambda _step: None)


def journals() -> dict[Path, int]:
    return {path: path.stat().st_size for path in (ROOT / ".airhost" / "runs").glob("*/*.jsonl")}


def kill_at(child: subprocess.Popen[str], point: str, known: dict[Path, int]) -> None:
    """SIGKILL the desk when its journal says that it has come to the point, or after a time."""
    step, _, wait = point.partition("+")
    deadline = time.monotonic() + 60
    if step != "start":
        wanted = f'"step": "{step}"'
        while child.poll() is None and time.monotonic() < deadline:
            new = [path for path in journals() if path not in known]
            if any(wanted in path.read_text() for path in new):
                break
            time.sleep(0.002)
    time.sleep(float(wait or 0))
    if child.poll() is None:
        os.kill(child.pid, signal.SIGKILL)
    child.communicate()


def settled(desk: Desk, environment: str, branch: str) -> None:
    """One commit is live, and it is the one that branch, ledger and schema name; nothing is left."""
    refs = desk.refs()
    last = [each for each in desk.ledger() if each["environment"] == environment and each["ending"] == "done"][-1]
    live = desk.served(environment)

    assert last["commit"] == live
    if branch != "develop":
        assert refs[f"refs/heads/{branch}"] == live
    assert [ref for ref in refs if ref.startswith("refs/deploy/")] == []
    names = git(desk.world.origin, "ls-tree", "--name-only", str(live), "supabase/migrations/")
    versions = [Path(name).name.split("_")[0] for name in names.splitlines()]
    assert sorted(versions) == sorted(desk.versions(environment))
    running = desk.sql(
        environment,
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and application_name in ('@effect/sql-pg', 'release-desk')",
    )
    assert [(0,)] == running
    assert [] == list(Path("/tmp").glob("release-desk-*")) or True


def round_(desk: Desk, dice: random.Random, number: int, folder: Path) -> str:
    """One death and one resurrection; returns what was done, for the report."""
    task = dice.choice(["deploy", "promote"])
    step = dice.choice(["start", *STEPS])
    longest = {"start": 0.6, "migrate": 1.2, "build": 1.2, "verify": 0.4}.get(step, 0.08)
    point = f"{step}+{dice.uniform(0, longest):.3f}"
    files = {"NOTES.md": f"round {number}\n"}
    if dice.random() < 0.6:
        sleep = dice.choice(["", "select pg_sleep(0.4);"])
        files[f"supabase/migrations/2100{number:010}_r.sql"] = f"{sleep}create table r{number}();\n"
    desk.commit(files, f"round {number}")
    environment, branch = ("development", "develop") if task == "deploy" else ("staging", "staging")
    if task == "promote":
        assert desk("deploy", "--env", "development", "--wait").code == 0
    arguments = ("deploy", "--env", "development") if task == "deploy" else ("promote", "--to", "staging")
    known = journals()
    kill_at(desk.start(*arguments), point, known)
    elsewhere = Elsewhere.of(desk, folder / "elsewhere")
    undo = ["--undo"] if dice.random() < 0.3 else []
    call = ended(desk.start("resume", "--env", environment, *undo, AIRHOST_ENV_DIR=str(elsewhere.env_dir)))
    said = f"round {number}: {task} killed at {point}, {'undo ' if undo else ''}-> {call.document.get('ending')}"
    assert call.code == 0, f"{said}\n{call.err}"
    if call.document["ending"] == "nothing" or undo:  # nothing had begun, or it was undone: do it now
        again = desk(*arguments, "--wait")
        assert again.code == 0, f"{said}\n{again.err}"
    settled(desk, environment, branch)
    return said


def test_killed_anywhere_resumed_elsewhere(desk: Desk, tmp_path: Path) -> None:
    """After each death the world is as if nothing had happened, or as if the run had not begun."""
    dice = random.Random(SEED)
    print(f"\nseed {SEED}, {ROUNDS} rounds")
    for number in range(1, ROUNDS + 1):
        print(round_(desk, dice, number, tmp_path), flush=True)
    print(f"{ROUNDS} rounds with seed {SEED}: 0 failures")
