"""`demo`: the whole story in a sandbox; every command is the one that a person would type."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from scripts import DESK
from scripts.domain.outcome import Outcome
from scripts.errors import ReleaseFailed
from scripts.shell.command import Command
from scripts.shell.runner import follow
from scripts.workflows.sandbox.up import DEFAULT
from scripts.workflows.toolbox import Progress

LONGEST = 900.0  # seconds for one command of the story


def run(progress: Progress, *, dir: str | None) -> Outcome:  # noqa: A002 - the option's name
    """Build the world, take a feature to production, catch a bad release, mend it, show the end."""
    from scripts.sandbox import story, world

    tell = progress.note
    tell("\n== a world of its own: git origin, PostgreSQL, three Replit-like hosts")
    made = world.up(Path(dir) if dir else DEFAULT, on_step=tell)
    desk = Narrator(progress, made.env_dir)

    tell("\n== a feature branch with a migration is merged into develop")
    good = story.feature(made.clone)
    desk.types("deploy --env development")
    desk.types("promote --to staging --plan")
    desk.types("promote --to staging")
    desk.types("promote --to production --yes")

    tell("\n== a bad release: it builds, it starts, and its front page answers 500")
    story.bad_release(made.clone)
    desk.types("deploy --env development", code=ReleaseFailed.code)
    desk.types("promote --to staging", code=1)

    tell("\n== mended by a new commit")
    story.mend(made.clone)
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
        ended = follow(Command(argv, cwd=DESK, env=env, timeout=LONGEST), self._progress.output)
        if ended != code:
            raise ReleaseFailed(f"`invoke {line}` ended with {ended}, not {code} as the story goes")
