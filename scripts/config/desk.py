"""The desk: what every workflow gets: settings, git, clock, progress, and the variables of environments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

from scripts.config.settings import Environment, Settings
from scripts.errors import Refused
from scripts.git.merge import MergingGit
from scripts.system.background import boottime, process_start
from scripts.system.pause import pause


class Progress(Protocol):
    """Where workflows report progress; the console shows it, a test records it."""

    def show(self, lines: Iterable[str]) -> None:
        """Lines of a plan or a report."""

    def expect(self, seconds: Mapping[str, float]) -> None:
        """How long steps took last time, by name."""

    def begin(self, step: str, detail: str) -> None:
        """A step begins."""

    def advance(self, done: float, total: float, text: str, *steps: str) -> None:
        """How far the step that runs is: a bar in a terminal, a line every few seconds in a log.

        Args:
            done, total: in one unit, such as bytes or seconds; `total` may be an estimate, 0 is unknown.
            text: figures, the most important first: what does not fit is cut.
            steps: it is of one of these, whose line may not be the one that is shown now; none: of any.
        """

    def end(self, step: str, ending: str, seconds: float) -> None:
        """A step has ended: `done` or `failed`."""

    def note(self, text: str) -> None:
        """Something worth reporting happened."""

    def output(self, text: str) -> None:
        """What another program prints, as it comes."""

    def confirm(self, environment: str, *aliases: str) -> bool:
        """Ask the person to type the environment's name, or an alias."""

    def ask(self, question: str, default: str) -> str:
        """Ask a person; the default without a terminal, or for an empty answer."""

    def agree(self, question: str) -> bool:
        """Ask a person for a yes; no without a terminal."""


class EarlyRefs(NamedTuple):
    """What the remote answered at the beginning of a task.

    Args:
        trusted: the ledger's commit that this clone trusted before the remote was asked.
        refs: as `Git.ls_remote` gives them.
        ahead: a `Git.fetch_ahead` that was begun beside the question; None: none was.
    """

    trusted: str | None
    refs: Mapping[str, str]
    ahead: Future[None] | None = None


@dataclass(frozen=True)
class Desk:
    """Filled by `app.py`, or by a test.

    Args:
        values: the variables of an environment: `.env.<name>`, then the process environment.
        process: what the process environment alone says of one; given the names that its file has.
        config_folder: the folder of `pipeline.toml`.
        state_folder: where journals and undelivered notices lie, on this machine only.
        started: when the command was typed, by the clock.
        job: the page of the CI job that this is; "": it is none.
        settle: finishes or undoes the run of a dead owner, for a run that waits, given the environment,
            where the lock's ref stood while it was silent, and whether a person agreed; None: waiting ends.
        early_refs: the remote's refs, asked for while the workflow was imported; None once they were given.
    """

    settings: Settings
    git: MergingGit
    progress: Progress
    values: Callable[[Environment], Mapping[str, str]]
    config_folder: Path
    state_folder: Path
    actor: str
    host: str
    now: Callable[[], str]
    new_id: Callable[[], str]
    process: Callable[[Environment, tuple[str, ...]], Mapping[str, str]] = lambda _environment, _known: {}
    clock: Callable[[], float] = boottime
    sleep: Callable[[float], None] = pause
    started: float = field(default_factory=process_start)
    job: str = ""
    settle: Callable[[Desk, Environment, str, bool], None] | None = None
    early_refs: Callable[[], EarlyRefs | None] = lambda: None

    @property
    def app_folder(self) -> Path:
        """The app's folder in its checkout."""
        return self.git.folder / self.settings.app.folder

    def build_variables(self, environment: Environment) -> dict[str, str]:
        """The variables that the app's build gets, and no others.

        Raises:
            Refused: one of them has no value; the app would be built, and be dead.
        """
        values, names = self.values(environment), self.settings.app.build_variables
        missing = ", ".join(f"`{name}`" for name in names if name not in values)
        if missing:
            raise Refused(
                f"the build of {environment.name} needs {missing}",
                f"set it in `{self.config_folder / f'.env.{environment.name}'}`, or in CI's environment",
            )
        return {name: values[name] for name in names}
