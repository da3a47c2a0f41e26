"""A clean checkout of a commit in a confined place: files, packages, and commands that run there."""

from __future__ import annotations

import posixpath
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.config.desk import Desk
from scripts.config.settings import App
from scripts.errors import Refused
from scripts.system.command import Command
from scripts.system.confinement import Confinement
from scripts.system.process import stream_lines

COMMIT = "commit"  # the folder of the checkout in the place


@dataclass(frozen=True)
class CleanCheckout:
    """One commit's files in a place of their own, without a git folder.

    Args:
        reach: programs outside the system's folders that its commands start.
    """

    confined: Confinement
    app: App
    reach: tuple[Path, ...] = ()

    @property
    def folder(self) -> Path:
        """The app's folder."""
        return self.confined.place / COMMIT / self.app.folder

    def fill(self, desk: Desk, commit: str) -> None:
        """Write the files of the commit.

        Raises:
            Refused: the commit has no such folder as `[app] folder` names.
        """
        desk.git.write_files(commit, self.confined.place / COMMIT)
        if not self.folder.is_dir():
            raise Refused(f"`{commit[:12]}` has no folder `{self.app.folder}`", "correct `[app] folder`")

    def run_install(
        self, show: Callable[[str], None], timeout: float, given: Mapping[str, str] | None = None
    ) -> int:
        """Install the packages of the lock file, as a build does it; returns the exit code."""
        if not self.app.install:
            return 0
        lock = posixpath.dirname(self.app.lockfile)
        where = posixpath.normpath(posixpath.join(COMMIT, self.app.folder, lock))
        return self.run(self.app.install, self.confined.place / where, given or {}, timeout, show)

    def run(
        self,
        argv: tuple[str, ...],
        folder: Path,
        given: Mapping[str, str],
        timeout: float,
        show: Callable[[str], None],
    ) -> int:
        """Run a command that came with the commit; returns its exit code.

        Raises:
            CommandTimedOut: it took too long, and was ended.
        """
        command = Command(argv, cwd=folder, env={"CI": "true", **given}, timeout=timeout)
        programs = [Path(found).resolve() for name in (argv[0], "node") if (found := shutil.which(name))]
        # a version manager keeps node, and npm beside it, in a folder of the person's
        return stream_lines(
            self.confined.command(command, [*(each.parents[1] for each in programs), *self.reach]), show
        )
