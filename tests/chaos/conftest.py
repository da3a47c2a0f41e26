"""What the chaos tests share: a world of their own, another machine, and what must hold afterwards."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.desk import Call, Desk, ended, git, left_by_runs
from tests.support import processes
from tests.support.sandboxes import sandbox

DEV, STAGING = "development", "staging"


def next_version() -> str:
    """A migration's version that is newer than all before it, whichever test runs first."""
    return f"21{time.time_ns() // 10**7}"


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


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A world of its own, by the driver that a test asks for: what is killed here must disturb nobody."""
    driver = getattr(request, "param", None) or ""
    with sandbox(tmp_path_factory, "chaos", functions=True, driver=driver) as made:
        desk = Desk(made)
        assert desk("deploy", "--env", "development").code == 0
        assert desk("promote", "--to", "staging").code == 0
        yield desk


def settled(desk: Desk, environment: str, branch: str | None) -> None:
    """One commit is live, the one that the ledger names; nothing is left of any run.

    With a branch, that is at the commit as well (a promoted one), and the schema is the commit's.
    """
    refs = desk.refs()
    last = [
        each for each in desk.ledger() if each["environment"] == environment and each["ending"] == "done"
    ][-1]
    live = desk.served(environment)

    assert last["commit"] == live
    assert left_by_runs(refs) == []
    assert refs.get(f"refs/deploy/live/{environment}", live) == live
    if branch:
        assert refs[f"refs/heads/{branch}"] == live
        names = git(desk.world.origin, "ls-tree", "--name-only", str(live), "supabase/migrations/")
        versions = [Path(name).name.split("_")[0] for name in names.splitlines()]
        assert sorted(versions) == sorted(desk.versions(environment))
    running = desk.sql(
        environment,
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and application_name in ('@effect/sql-pg', 'release-desk')",
    )
    assert [(0,)] == running
    deadline = time.monotonic() + 10  # an orphan ends by itself when nobody reads it any more
    while (orphans := strays(desk)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert {} == orphans


def strays(desk: Desk) -> dict[int, str]:
    """Processes that a run left: they work on this world, and are none of its own servers."""
    lines = processes.command_lines()
    marks = (str(desk.world.folder), f":{desk.world.postgres.port}/")
    ours = {pid for pid, line in lines.items() if any(mark in line for mark in marks)}
    servers = {
        pid for pid in ours if any(mark in lines[pid] for mark in ("scripts.sandbox.", "postgres -D"))
    }
    kept = servers | {each for pid in servers for each in processes.descendants(pid)}
    return {pid: lines[pid] for pid in ours - kept}


def resumed(desk: Desk, environment: str, folder: Path, *options: str) -> Call:
    """`resume` on another machine."""
    elsewhere = Elsewhere.of(desk, folder / "elsewhere")
    start = desk.start("resume", "--env", environment, *options, AIRHOST_ENV_DIR=str(elsewhere.env_dir))
    return ended(start)
