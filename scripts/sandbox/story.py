"""What the people of the demo do in their own clone: features, merges, and one bad day."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from scripts.shell.command import Command
from scripts.shell.runner import run

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
