"""`demo`: the whole story in a sandbox; every command is the one that a person would type."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path

from scripts import DESK
from scripts.config.desk import Progress
from scripts.config.outcome import Outcome
from scripts.errors import ReleaseFailed
from scripts.sandbox.commands import DEFAULT
from scripts.sandbox.request import DemoRequest
from scripts.system.command import Command
from scripts.system.process import run, stream_lines

LONGEST = 900.0  # seconds for one command of the story


def demo(progress: Progress, request: DemoRequest) -> Outcome:
    """Build the world, take a feature to production, catch a bad release, mend it, show the end."""
    from scripts.sandbox import world

    tell = progress.note
    tell("\n== a world of its own: git origin, PostgreSQL, three Replit-like hosts")
    made = world.up(Path(request.dir) if request.dir else DEFAULT, on_step=tell)
    desk = Narrator(progress, made.env_dir)

    tell("\n== a feature branch with a migration is merged into develop")
    good = feature(made.clone)
    desk.types("deploy --env development")
    desk.types("promote --to staging --plan")
    desk.types("promote --to staging")
    desk.types("promote --to production --yes")

    tell("\n== a bad release: it builds, it starts, and its front page answers 500")
    bad_release(made.clone)
    desk.types("deploy --env development", code=ReleaseFailed.code)
    desk.types("promote --to staging", code=1)

    tell("\n== mended by a new commit")
    mend(made.clone)
    desk.types("deploy --env development")

    tell("\n== what runs where, and how it came there")
    desk.types("history")
    desk.types("status")
    return Outcome.done(
        f"production answers with `{good[:12]}` at {made.environment('production').url}",
        f"look around: `export AIRHOST_ENV_DIR={shlex.quote(str(made.env_dir))}`, then"
        " `scripts/bootstrap status`; `scripts/bootstrap sandbox.down` ends it all",
        production=good,
        **made.describe(),
    )


class Narrator:
    """Types commands as a person would, and minds how they end."""

    def __init__(self, progress: Progress, env_dir: Path) -> None:
        self._progress = progress
        self._env_dir = env_dir

    def types(self, line: str, *, code: int = 0) -> None:
        """Run `invoke LINE` in the sandbox; the story stops if it ends otherwise than foretold.

        Raises:
            ReleaseFailed: another exit code than `code`.
        """
        self._progress.note(f"\n$ invoke {line}")
        argv = (sys.executable, "-m", "invoke", *shlex.split(line))
        env = {"AIRHOST_ENV_DIR": str(self._env_dir)}
        ended = stream_lines(Command(argv, cwd=DESK, env=env, timeout=LONGEST), self._progress.output)
        if ended != code:
            raise ReleaseFailed(f"`invoke {line}` ended with {ended}, not {code} as the story goes")


# What the people of the demo do in their own clone: features, merges, and one bad day.


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


def feature(clone: Path) -> str:
    """A feature with a migration, on a branch of its own, merged into `develop`; returns the commit."""
    branch = _begin(clone, "arrival-note")
    number = branch.rpartition("-")[2]
    page = clone / "index.html"
    lines = [line for line in page.read_text().splitlines(keepends=True) if "(no. " not in line]
    lines.insert(next(i for i, line in enumerate(lines) if "</main>" in line), LINE.format(number=number))
    page.write_text("".join(lines))
    migrations = clone / "supabase" / "migrations"
    if not list(migrations.glob("*_arrival_note.sql")):
        (migrations / f"{number}_arrival_note.sql").write_text(MIGRATION)
    return _merge(clone, branch, "Guests may leave an arrival note")


def bad_release(clone: Path) -> str:
    """A change that builds and starts, and answers 500, merged into `develop`."""
    branch = _begin(clone, "new-home")
    (clone / "server" / "home.js").write_text(BAD_HOME)
    return _merge(clone, branch, "A new front page")


def mend(clone: Path) -> str:
    """The bad change taken back by a new commit: history is never rewritten."""
    _git(clone, "revert", "--no-edit", "--mainline", "1", "HEAD")
    return _push(clone)


def _begin(clone: Path, name: str) -> str:
    """A feature branch from the newest `develop`; its number is the time, so each telling has its own."""
    branch = f"feature/{name}-{datetime.now(UTC):%Y%m%d%H%M%S}"
    _git(clone, "switch", "--quiet", "develop")
    _git(clone, "pull", "--quiet", "--ff-only")
    _git(clone, "switch", "--quiet", "--create", branch)
    return branch


def _merge(clone: Path, branch: str, subject: str) -> str:
    _git(clone, "add", "--all")
    _git(clone, "commit", "--quiet", "--message", subject)
    _git(clone, "push", "--quiet", "origin", branch)
    _git(clone, "switch", "--quiet", "develop")
    _git(clone, "merge", "--quiet", "--no-ff", "--message", f"Merge {branch}", branch)
    return _push(clone)


def _push(clone: Path) -> str:
    _git(clone, "push", "--quiet", "origin", "develop")
    return _git(clone, "rev-parse", "HEAD")


def _git(clone: Path, *arguments: str) -> str:
    return run(Command(("git", *arguments), cwd=clone)).text.strip()
