"""`publish = "launcher"`: the published app follows the ref `refs/deploy/live/<environment>`.

To publish is to move that ref, in one push with a heartbeat of the lock: a run that has lost its lock moves
nothing. What the launcher says (`/-/release`) is progress; the public URL alone is proof.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from scripts import http
from scripts.config.access import access_headers, how_to_enter
from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import (
    CommandFailed,
    CommandTimedOut,
    ConfigError,
    DeskError,
    PushRefused,
    Refused,
    ReleaseFailed,
    Unanswered,
    Unreachable,
)
from scripts.git.command import Update
from scripts.replit import artifact
from scripts.replit.build_log import quoted_reason
from scripts.replit.driver import Status
from scripts.replit.launcher_report import VERSION, Failed, Report, read_report
from scripts.replit.live import Answer, Expected, look
from scripts.state.held_lock import HeldLock
from scripts.system.background import submit
from scripts.system.secret import Secret, redact

PATH = "/-/release"
TOKEN = "LAUNCHER_TOKEN"  # noqa: S105 - the name of the variable
HEADER = "X-Launcher-Token"  # Replit itself reads `Authorization` where the app is private
ANSWER_SECONDS = 10.0
SILENT = 60.0  # seconds without an answer, while a release is prepared: it may be starting anew
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
LOOKS = 4  # for `status`, at the same time
FRESH = 20.0  # seconds after which an instance that was not seen again is gone
REFUSED = ("fetch", "refused")  # steps that say nothing of the commit's quality


class Silent(Unreachable):
    """Nobody answers, or only the proxy before the app: it may be starting."""


def live_ref(environment: str) -> str:
    """The ref that says which commit is to be live."""
    return f"refs/deploy/live/{environment}"


class LauncherDriver:
    """Moves the ref that the launcher follows; see `Driver`."""

    name = "launcher"
    unattended = True
    staged = False
    confirms = True  # its push moves nothing under a lost lock

    def __init__(self, desk: Desk, environment: Environment) -> None:
        self._desk = desk
        self._environment = environment
        self._wanted: str | None = None
        self._built: artifact.Built | None = None

    @property
    def unproven_hint(self) -> str:
        """Where to look when a release does not show."""
        return "`invoke doctor` asks the launcher what it does; its log is that of the app on Replit"

    def connect(self) -> None:
        """A launcher keeps no connection."""

    def disconnect(self) -> None:
        """See `connect`."""

    def objection(self) -> Refused | None:
        """Why a release can't begin: no launcher answers, or one that is not this environment's."""
        try:
            self._require(self._ask())
        except Refused as why:
            return why
        except DeskError as fault:
            return Refused(fault.message, fault.hint)
        return None

    def build(
        self, expected: Expected, candidate: str, *, send: bool = False, keep: str = ""
    ) -> bytes | None:
        """Wait until the launcher has prepared the commit; or build it here, to be delivered.

        What it has already, it need not build again: so a way back takes no time.
        """
        self._built = None
        report = self._first()
        if report.has(expected.commit):
            return None
        if self._environment.ships:
            self._built = artifact.build(self._desk, self._environment, expected)
            return self._built.archive if send else b""
        self._wait(expected.commit, report)
        return None

    def deliver(self, expected: Expected, lock: HeldLock) -> Mapping[str, Any]:
        """Push the built output under its ref, then wait until the launcher has it."""
        if self._built is None:
            return {}
        pushed = artifact.push(self._desk, self._environment, expected.commit, self._built, lock)
        self._wait(expected.commit, self._first())
        return pushed

    def publish(self, expected: Expected, lock: HeldLock) -> None:
        """Move the ref, if the lock is still held; both in one push."""
        ref, commit = live_ref(self._environment.name), expected.commit
        old = self._desk.git.fetch([ref]).get(ref)  # its commit may be on no branch, and be wanted again
        self._wanted = commit
        if old != commit:
            try:
                lock.push([Update(ref, old, commit)])
            except PushRefused:
                raise
            except (Unreachable, CommandTimedOut) as lost:
                raise Unanswered(f"the push of `{ref}` may have arrived: {lost.message}") from None
        with suppress(DeskError):  # it looks by itself soon
            self._poke()

    def publish_status(self) -> tuple[Status, str]:
        """What the launcher says; one that does not answer says nothing."""
        try:
            report = self._ask()
        except DeskError:
            return "other", ""
        wanted = self._wanted or report.wanted
        failed = report.failure_of(wanted)
        if failed:
            return "failed", f"{failed.step}: {failed.reason}\n{failed.log}"
        return ("other" if report.live == wanted else "running"), report.state

    def asked_for(self) -> str | None:
        """The commit that the ref names."""
        return self._desk.git.ls_remote().get(live_ref(self._environment.name))

    def lagging(self) -> tuple[str, ...]:
        """Instances that are not where the ref is, and what they say of that."""
        asks = [submit(self._answered) for _ in range(LOOKS)]
        reports = {each.instance: each for each in (ask.result() for ask in asks) if each is not None}
        try:
            wanted = self.asked_for() if reports else None
        except DeskError:
            wanted = None
        return tuple(said for each in reports.values() if (said := _lags(each, wanted)))

    def live(self) -> Answer:
        """What the public URL answers."""
        return look(self._desk, self._environment)

    def check(self) -> str:
        """The launcher answers, for this environment, and reads the remote."""
        report = self._require(self._ask())
        serves = f"serves `{report.live[:12]}`" if report.live else "waits for its first release"
        return f"the launcher of {report.environment} answers, and {serves} ({report.state})"

    def _first(self) -> Report:
        """What the launcher says; one that is just starting is waited for, as before its first release."""
        until = self._desk.clock() + SILENT
        while True:
            try:
                return self._require(self._ask())
            except Silent:
                if self._desk.clock() > until:
                    raise
            self._desk.sleep(LONGEST_PAUSE / 2)

    def _wait(self, commit: str, before: Report) -> None:
        """Until every instance that answers has prepared the commit.

        Args:
            before: what it said before it was told to look: a failure that it told of then is an old one.

        Raises:
            ReleaseFailed: it can't be built, or carries a secret.
            Refused, CommandFailed: the launcher does not take it, or can't fetch it.
            Unreachable: the launcher does not answer any more; live is untouched.
        """
        desk, pause = self._desk, FIRST_PAUSE
        until = desk.clock() + desk.settings.replit.build_timeout
        seen: dict[str, tuple[float, bool]] = {}  # instance -> when it answered, and whether it has it
        answered = desk.clock()
        with suppress(Unreachable):
            self._poke()
        while True:
            try:
                report = self._require(self._ask())
            except Silent:
                if desk.clock() - answered > SILENT:
                    raise
            else:
                answered = desk.clock()
                failed = report.failure_of(commit)
                if failed and not (before.failure_of(commit) and report.looked == before.looked):
                    raise _not_prepared(self._environment.name, failed)
                seen[report.instance] = (answered, report.has(commit))
                seen = {each: row for each, row in seen.items() if answered - row[0] < FRESH}
                if all(has for _, has in seen.values()):
                    return
            if desk.clock() > until:
                limit = f"{desk.settings.replit.build_timeout:g} s"
                raise ReleaseFailed(
                    f"the launcher of {self._environment.name} has not prepared `{commit[:12]}` in {limit}",
                    self.unproven_hint,
                )
            desk.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 1.3)

    def _require(self, report: Report) -> Report:
        """The report, if it is this environment's and of a launcher that this desk knows how to use.

        Raises:
            Refused: it is not.
        """
        name = self._environment.name
        if report.environment != name:
            raise Refused(
                f"the launcher at {self._environment.url} is that of `{report.environment or 'nothing'}`",
                f"set the Replit Secret `DESK_ENVIRONMENT` of that app to `{name}`, and publish it once",
            )
        if report.version < VERSION:
            raise Refused(
                f"the launcher of {name} is of version {report.version}, and this desk needs {VERSION}",
                "`invoke init --launcher` writes the newer one; commit it, publish the app once on Replit",
            )
        if report.problem:
            raise Refused(
                f"the launcher of {name} can't read the git remote: {redact(report.problem)}",
                "look at the Replit Secret `LAUNCHER_DEPLOY_KEY` (or `LAUNCHER_GIT_TOKEN`) of that app",
            )
        return report

    def _answered(self) -> Report | None:
        with suppress(DeskError):
            return self._ask()
        return None

    def _poke(self) -> None:
        """Have the launcher look at the remote now, and try again what had failed."""
        self._exchange("POST")

    def _ask(self) -> Report:
        """What one instance says.

        Raises:
            ConfigError: there is no token, or it would travel unencrypted.
            Unreachable: no launcher answers there.
        """
        answer = self._exchange("GET")
        try:
            return read_report(answer.body if answer.complete else b"")
        except ValueError as fault:
            raise Unreachable(
                f"{self._environment.url}{PATH} gives no report of a launcher: {fault}", self._first_steps
            ) from None

    @property
    def _first_steps(self) -> str:
        return (
            "is the app published with the launcher (`invoke init --launcher`), and its Replit Secret"
            f" `{TOKEN}` the one of `.env.{self._environment.name}`?"
        )

    def _exchange(self, method: str) -> http.Response:
        environment = self._environment
        url = environment.url.rstrip("/") + PATH
        try:
            answer = http.fetch(
                url,
                seconds=ANSWER_SECONDS,
                most_bytes=http.LARGEST,
                method=method,
                headers=self._headers(),
            )
        except http.FetchError as fault:
            raise Silent(
                f"the launcher of {environment.name} gives no answer at {url} ({fault.why})",
                self._first_steps,
            ) from None
        if http.asks_for_login(answer, url) or answer.status in (401, 403):
            raise Unreachable(
                f"the launcher of {environment.name} can't be asked: a log-in stands before it",
                how_to_enter(environment),
            )
        if answer.status not in (200, 202):
            kind = Silent if answer.status >= 500 else Unreachable
            raise kind(f"{url} answers {answer.status}: no launcher, or not this token", self._first_steps)
        return answer

    def _headers(self) -> dict[str, str]:
        opens = access_headers(self._desk, self._environment)
        token = self._token()
        return {**http.HEADERS, "Authorization": f"Bearer {token}", **opens, HEADER: token}

    def _token(self) -> str:
        environment = self._environment
        token = self._desk.values(environment).get(TOKEN, "")
        if not token:
            raise ConfigError(
                f"`{TOKEN}` of {environment.name} is not set",
                f"write the app's Replit Secret of that name into `.env.{environment.name}`",
            )
        parts = urlsplit(environment.url)
        if parts.scheme != "https" and parts.hostname not in http.LOOPBACK:
            raise ConfigError(
                f"`{environment.url}` is no https address: `{TOKEN}` would travel unencrypted"
            )
        return Secret(token).reveal()


def _lags(report: Report, wanted: str | None) -> str:
    """What one instance lags behind in, in words; "" if in nothing."""
    who = f"instance `{report.instance[:12]}` of the launcher"
    target = wanted or report.wanted
    if target is None or report.live == target:
        return ""
    serves = f"serves `{report.live[:12]}`" if report.live else "serves nothing"
    failed = report.failure_of(target)
    why = f"{failed.step} failed: {redact(failed.reason)}" if failed else report.state
    return f"{who} {serves}, and `{target[:12]}` is wanted ({why})"


def _not_prepared(name: str, failed: Failed) -> DeskError:
    what = f"the launcher of {name} could not prepare `{failed.commit[:12]}`"
    said = f"{what}: {failed.step}: {redact(failed.reason)}{quoted_reason(failed.log)}"
    if failed.step == "refused":
        return Refused(said, "it takes commits of its branch, and candidates of runs, alone")
    if failed.step in REFUSED:
        return CommandFailed(said)
    return ReleaseFailed(said)
