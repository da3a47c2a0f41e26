"""One pass: look at everything side by side, look twice at what changed, write it down, tell the team."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from scripts.config.addresses import keeps_secrets
from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import DeskError
from scripts.http import FetchError, fetch
from scripts.monitor import judge, messages
from scripts.monitor.checks import Check, Look, checks_of
from scripts.monitor.incidents import HOUR, Incident, Track
from scripts.monitor.probes import Round, look_at
from scripts.monitor.store import Store
from scripts.notify import deliver
from scripts.notify.chat import TARGETS
from scripts.state.remote import read_lock
from scripts.system.background import submit
from scripts.system.secret import Secret
from scripts.system.signals import deferred

WIDTH = 64  # looks at the same time
PING = "MONITOR_PING_URL"
DAY = 86_400.0
WHOLE = 2 * DAY  # how long each look is kept; then there is one row an hour
LOCKS = "locks"  # under which name the store remembers them
Probe = Callable[[Round, Check], Look]


class Result(NamedTuple):
    """The last look at a check, and what it means.

    Args:
        quiet: a release is at work there: the look is written down, and counts for nothing.
    """

    check: Check
    look: Look
    quiet: bool = False


def all_checks(desk: Desk, environments: Sequence[Environment]) -> list[Check]:
    """The checks of these environments; one whose values can't be read has those that need none."""
    found: list[Check] = []
    for environment in environments:
        try:
            values = desk.values(environment)
        except DeskError as fault:
            desk.progress.note(f"warning: {environment.name} is not looked at whole: {fault.message}")
            values = {}
        found += checks_of(desk.settings, environment, values)
    return found


def look_at_all(made: Round, checks: Iterable[Check], probe: Probe = look_at) -> dict[Check, Look]:
    """Look at the checks side by side."""
    waiting, looks = deque(checks), dict[Check, Look]()

    def work() -> None:
        while True:
            try:
                check = waiting.popleft()
            except IndexError:
                return
            looks[check] = probe(made, check)

    for worker in [submit(work) for _ in range(min(WIDTH, len(waiting)))]:
        worker.result()
    return looks


def epoch(desk: Desk, at: str = "") -> float:
    """The time of day, or another in ISO 8601, in seconds since 1970."""
    return datetime.fromisoformat(at or desk.now()).timestamp()


def _hour(at: float) -> float:
    """The beginning of an hour: what is condensed is always whole hours."""
    return at // HOUR * HOUR


def quiet_in(made: Round, environment: Environment) -> bool:
    """Whether a run that is alive, and does not take too long, holds the lock of an environment."""
    try:
        still, remote = made.still(environment), made.remote()
        lock = read_lock(made.desk, remote.refs, environment)
    except DeskError:
        return False
    if lock is None or still is None:
        return False
    return judge.held(lock, made.desk.now(), made.desk.settings.monitor.lock_minutes, still).level == "good"


@dataclass
class Watcher:
    """The watch over some environments; its memory is the store."""

    desk: Desk
    environments: Sequence[Environment]
    store: Store
    probe: Probe = look_at

    def __post_init__(self) -> None:
        now = epoch(self.desk)
        self._rules = self.desk.settings.monitor
        self._checks = all_checks(self.desk, self.environments)
        self._tracks: dict[tuple[str, str], Track] = self.store.tracks(self._checks, now)
        same = {each.id: each for each in self.open}  # one object for each incident
        self._untold = {each.id: same.get(each.id, each) for each in self.store.untold()}
        self._locks = {
            name: (str(ref), float(at)) for name, (ref, at) in (self.store.recall(LOCKS) or {}).items()
        }
        self._condensed = 0.0
        self.made: Round | None = None  # of the last pass

    @property
    def open(self) -> list[Incident]:
        """The incidents that are not over."""
        return [track.incident for track in self._tracks.values() if track.incident]

    def one_pass(self) -> list[Result]:
        """Look, decide, write, tell, ping."""
        made = Round(self.desk, epoch(self.desk), self._locks)
        looks = look_at_all(made, self._checks, self.probe)
        quiet = {each.name for each in self.environments if quiet_in(made, each)}
        for check, look in looks.items():
            self._add(made, check, look, quiet)
        again = [
            check
            for check, look in looks.items()
            if check.environment not in quiet and self._tracks[check.key].doubtful(look)
        ]
        if again:
            self.desk.sleep(self._rules.second_look)
            made = Round(self.desk, epoch(self.desk), self._locks)
            second = look_at_all(made, again, self.probe)
            quiet |= {each.name for each in self.environments if quiet_in(made, each)}
            for check, look in second.items():
                self._add(made, check, look, quiet)
            looks |= second
        with deferred():  # a signal must not come between a notice and the note that it was sent
            self._finish(made.now)
        self.made = made
        return [Result(check, look, check.environment in quiet) for check, look in looks.items()]

    def _add(self, made: Round, check: Check, look: Look, quiet: set[str]) -> None:
        counts = check.environment not in quiet and look.level != "unknown"
        self.store.add(check, look, made.now, counts=counts)
        if not counts:
            return
        track = self._tracks[check.key]
        change = track.add(self._rules, look, made.now)
        if change == "down":
            track.begin(self._incident(made, check, look, track.first_trouble()))
        touched = track.end(made.now) if change == "up" else track.incident
        if change and touched:
            self._untold[touched.id] = touched
            self.store.keep(touched)

    def _incident(self, made: Round, check: Check, look: Look, began: float) -> Incident:
        release, live_for = "", 0.0
        try:
            live = made.remote().ledger.live(check.environment)
            if live:
                release, live_for = live.release, began - datetime.fromisoformat(live.at).timestamp()
        except (DeskError, ValueError):
            pass  # the incident counts without its release
        number = f"{check.environment}-{check.name}-{began:.0f}"
        return Incident(
            number, check.environment, check.name, look.level, began, look.why, release, max(0.0, live_for)
        )

    def _finish(self, now: float) -> None:
        self.store.remember(LOCKS, self._locks)
        self.store.save()  # first: whoever is killed now tells it when he comes back
        self._tell()
        if now - self._condensed >= HOUR:
            self._condensed = now
            self.store.condense(_hour(now - WHOLE), _hour(now - self._rules.keep_days * DAY))
        ping(self.desk, self.environments)

    def _tell(self) -> None:
        """One notice for all that changed, in each set of chats; what was not kept is told again."""
        groups: dict[tuple[str, ...], list[Environment]] = {}
        for environment in self.environments:
            groups.setdefault(_chats(self.desk, environment), []).append(environment)
        for group in groups.values():
            own = {each.name for each in group}
            changed = [each for each in self._untold.values() if each.environment in own]
            if not changed:
                continue
            concerned = [each for each in group if each.name in {one.environment for one in changed}]
            notice = messages.of_changes(concerned, changed, self.desk.host, self.desk.now())
            self.desk.progress.note(f"{notice.title} ({notice.at})")
            # told once it is in the outbox: whoever is killed while it is sent does not tell it again
            if deliver.keep(self.desk, notice) or deliver.send(self.desk, lambda made=notice: made):  # type: ignore[misc]
                self._told(changed)
        self.store.save()
        deliver.flush(self.desk)
        self._untold = {key: each for key, each in self._untold.items() if each.untold()}

    def _told(self, changed: Iterable[Incident]) -> None:
        for each in changed:
            said = each.untold()
            worse = ("worse",) if each.level == "bad" and said == "down" else ()
            each.told = (*each.told, said, *worse)
            self.store.keep(each)


def _chats(desk: Desk, environment: Environment) -> tuple[str, ...]:
    """The addresses of an environment's chats: those that share them get one notice."""
    return tuple(_value(desk, environment, target.variable) for target in TARGETS.values())


def _value(desk: Desk, environment: Environment, name: str) -> str:
    """A variable; "" where the values can't be read, which `all_checks` has said."""
    try:
        return desk.values(environment).get(name, "")
    except DeskError:
        return ""


def ping(desk: Desk, environments: Iterable[Environment]) -> None:
    """Report that a pass is complete, so that somebody notices when none is any more."""
    for url in {_value(desk, each, PING) for each in environments} - {""}:
        Secret(url)  # masked from now on: whoever has it can report for us
        if why := _not_taken(url):
            desk.progress.note(f"warning: `{PING}` took no report: {why}")


def _not_taken(url: str) -> str:
    if not keeps_secrets(url):
        return "its address is not https"
    try:
        status = fetch(url, seconds=10, most_bytes=0).status
    except FetchError as fault:
        return fault.why
    return f"it answers {status}" if status >= 300 else ""
