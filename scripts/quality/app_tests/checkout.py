"""A clean checkout of a commit in a confined place: install, then run its tests there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scripts.config.desk import Desk
from scripts.errors import CommandFailed, CommandTimedOut
from scripts.quality.app_tests.summary import counts
from scripts.quality.junit import MAX_REPORT
from scripts.replit.checkout import CleanCheckout
from scripts.system.confinement import Confinement
from scripts.system.secret import redact

REPORT, OUTPUT = "junit.xml", "output.txt"  # as they are kept
KEPT = 5_000_000  # characters of the output that are stored


@dataclass
class Output:
    """What the command prints: passed on, counted, and its beginning kept."""

    show: Callable[[str], None]
    told: Counter[str] = field(default_factory=Counter)
    parts: list[str] = field(default_factory=list)
    size: int = 0

    def __call__(self, text: str) -> None:
        """Take whole lines, which are redacted already."""
        self.show(text)
        self.told += counts(text)
        if self.size < KEPT:
            self.parts.append(text.rstrip("\n") + "\n")
            self.size += len(text)

    @property
    def text(self) -> str:
        """What was kept."""
        return "".join(self.parts)


@dataclass(frozen=True)
class Suite:
    """A command of the app that runs tests.

    Args:
        report: the JUnit file that it writes, relative to the app's folder; "" for none.
        given: its environment.
        timeout: seconds.
        step: the name of the step, as people see it.
        reach: programs outside the system's folders that it starts.
    """

    argv: tuple[str, ...]
    report: str
    given: Mapping[str, str]
    timeout: float
    step: str
    reach: tuple[Path, ...] = ()


def run_on_checkout(
    desk: Desk, confined: Confinement, commit: str, suite: Suite, folder: Path
) -> tuple[int | None, Counter[str]]:
    """Check the commit out, install and run a suite; keep what it printed and reported in `folder`.

    Returns:
        The exit code (None after a timeout), and the counts that it printed.
    """
    checkout, output = Checkout(confined, desk.settings.app, suite.reach), Output(desk.progress.output)
    started = desk.clock()
    checkout.fill(desk, commit)
    desk.progress.begin("install", f"the packages of `{commit[:12]}`, on a clean checkout")
    checkout.install(desk.progress.output, desk.settings.replit.build_timeout)
    desk.progress.end("install", "done", desk.clock() - started)
    desk.progress.begin(suite.step, " ".join(suite.argv))
    code, report = checkout.test(suite, output)
    (folder / OUTPUT).write_text(output.text, encoding="utf-8")
    if report is not None:
        text = redact(report.decode("utf-8", "surrogateescape"))
        (folder / REPORT).write_text(text, encoding="utf-8", errors="surrogateescape")
    return code, output.told


class Checkout(CleanCheckout):
    """A commit's files, on which its tests are run."""

    def install(self, show: Callable[[str], None], timeout: float) -> None:
        """Install the packages.

        Raises:
            CommandFailed: it failed.
        """
        code = self.run_install(show, timeout)
        if code:
            what = f"`{' '.join(self.app.install)}` ended with {code}"
            raise CommandFailed(f"nothing was tested: {what}", "try it on a fresh clone", exit_code=code)

    def test(self, suite: Suite, output: Output) -> tuple[int | None, bytes | None]:
        """Run the tests; returns the exit code (None after a timeout) and the report that they wrote."""
        report = suite.report
        committed = self.folder / report
        if report and committed.parent.resolve().is_relative_to(self.confined.place.resolve()):
            committed.unlink(missing_ok=True)  # one that was committed says nothing of this run
        try:
            code: int | None = self.run(suite.argv, self.folder, suite.given, suite.timeout, output)
        except CommandTimedOut:
            code = None
        name = str(self.folder.joinpath(report).relative_to(self.confined.place))
        return code, self.confined.read(name, MAX_REPORT) if report else None
