"""`demo`: the whole story in a sandbox; every command is the one that a person would type."""

from __future__ import annotations

import shlex
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from scripts import DESK
from scripts.config.desk import Progress
from scripts.config.outcome import Outcome
from scripts.errors import ReleaseFailed
from scripts.sandbox.commands import DEFAULT, checked_driver
from scripts.sandbox.request import DemoRequest
from scripts.sandbox.world_code import repository
from scripts.system.command import Command
from scripts.system.process import stream_lines

if TYPE_CHECKING:
    from git import Repo

    from scripts.sandbox.world_facts import World

LONGEST = 900.0  # seconds for one command of the story
MIGRATION = """\
-- guests may tell the host when they arrive
alter table public.bookings add column if not exists arrival_note text
  check (char_length(arrival_note) <= 500);
"""
LINE = '      <p class="note">Tell us when you arrive: the host will be there. (no. {number})</p>\n'
BAD_HOME = """\
/** The front page. */
export function home(request, response) {
  throw new Error("a mistake that no test noticed");
}
"""


def demo(progress: Progress, request: DemoRequest) -> Outcome:
    """Make a world, release a feature up to production, catch a bad release and revert it.

    Raises:
        ReleaseFailed: a command ended with another exit code than the story expects.
    """
    from scripts.sandbox import world

    tell = progress.note
    tell("\n== a world of its own: git origin, PostgreSQL, three Replit-like hosts")
    folder = Path(request.dir) if request.dir else DEFAULT
    made = world.up(folder, on_step=tell, driver=checked_driver(request.driver))
    desk = Terminal(progress, made.env_dir)

    tell("\n== a feature branch with a migration is merged into develop")
    good = merge_feature(made)
    desk.types("deploy --env development")
    desk.types("promote --to staging --plan")
    desk.types("promote --to staging")
    desk.types("promote --to production --yes")

    tell("\n== a bad release: it builds, it starts, and its front page answers 500")
    merge_bad_release(made)
    desk.types("deploy --env development", code=ReleaseFailed.code)
    desk.types("promote --to staging", code=1)

    tell("\n== fixed by a new commit")
    revert_last_merge(made)
    desk.types("deploy --env development")

    tell("\n== what runs where, and how it came there")
    desk.types("history")
    desk.types("status")
    return Outcome.done(
        f"production answers with `{good[:12]}` at {made.environment('production').url}",
        f"look around: `. .venv/bin/activate`, `export AIRHOST_ENV_DIR={shlex.quote(str(made.env_dir))}`,"
        " `invoke status`; `invoke sandbox.down` ends it all",
        production=good,
        **made.describe(),
    )


class Terminal:
    """Types commands as a person would, and checks their exit codes."""

    def __init__(self, progress: Progress, env_dir: Path) -> None:
        self._progress = progress
        self._env_dir = env_dir

    def types(self, line: str, *, code: int = 0) -> None:
        """Run `invoke LINE` in the sandbox.

        Raises:
            ReleaseFailed: it ended with another exit code than `code`.
        """
        self._progress.note(f"\n$ invoke {line}")
        argv = (sys.executable, "-m", "invoke", *shlex.split(line))
        env = {"AIRHOST_ENV_DIR": str(self._env_dir), "COLUMNS": str(shutil.get_terminal_size().columns)}
        ended = stream_lines(Command(argv, cwd=DESK, env=env, timeout=LONGEST), self._progress.output)
        if ended != code:
            raise ReleaseFailed(f"`invoke {line}` ended with {ended}, not {code} as the story goes")


def merge_feature(world: World) -> str:
    """Merge a feature with a migration into `develop`; returns the merge commit."""
    with repository(world.clone, world.folder) as clone:
        branch = _start_branch(clone, "arrival-note")
        number = branch.rpartition("-")[2]
        page = world.clone / "index.html"
        lines = [line for line in page.read_text().splitlines(keepends=True) if "(no. " not in line]
        end = next(index for index, line in enumerate(lines) if "</main>" in line)
        lines.insert(end, LINE.format(number=number))
        page.write_text("".join(lines))
        migrations = world.clone / "supabase" / "migrations"
        if not list(migrations.glob("*_arrival_note.sql")):
            (migrations / f"{number}_arrival_note.sql").write_text(MIGRATION)
        return _merge(clone, branch, "Guests may leave an arrival note")


def merge_bad_release(world: World) -> str:
    """Merge a change into `develop` that builds and starts, and answers 500; returns the merge commit."""
    with repository(world.clone, world.folder) as clone:
        branch = _start_branch(clone, "new-home")
        (world.clone / "server" / "home.js").write_text(BAD_HOME)
        return _merge(clone, branch, "A new front page")


def revert_last_merge(world: World) -> str:
    """Revert the head of `develop` by a new commit, and push it; returns that commit."""
    with repository(world.clone, world.folder) as clone:
        clone.git.revert("HEAD", no_edit=True, mainline=1)
        return _push(clone)


def _start_branch(clone: Repo, name: str) -> str:
    """Start a feature branch from the newest `develop`; the time in its name makes it unique."""
    branch = f"feature/{name}-{datetime.now(UTC):%Y%m%d%H%M%S}"
    clone.heads.develop.checkout()
    clone.remotes.origin.pull(ff_only=True)
    clone.create_head(branch).checkout()
    return branch


def _merge(clone: Repo, branch: str, subject: str) -> str:
    clone.git.add(all=True)
    clone.git.commit(message=subject)
    clone.remotes.origin.push(branch).raise_if_error()
    clone.heads.develop.checkout()
    clone.git.merge(branch, no_ff=True, message=f"Merge {branch}")
    return _push(clone)


def _push(clone: Repo) -> str:
    clone.remotes.origin.push("develop").raise_if_error()
    return clone.head.commit.hexsha
