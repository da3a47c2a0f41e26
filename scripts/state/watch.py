"""Who watches a release that has just gone live: a ref of the release's own, moved by compare-and-swap.

The push that ends a release makes the ref `refs/deploy/watch/<environment>/<run>`, and the push that writes
the verdict into the ledger deletes it. In between its owner gives signs of life, as with a lock: where they
stop, somebody else may take the window over. Only one owner ever sets `acts`: whoever finds it set neither
looks nor takes back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from typing import Any

from scripts.config.desk import Desk
from scripts.config.settings import Environment, Settings
from scripts.errors import CommandFailed, DeskError, Locked
from scripts.git.client import StaleError
from scripts.git.command import Update
from scripts.state.event_rules import is_time
from scripts.state.ledger import Event, Ledger
from scripts.state.remote import append, fetch_ledger, new_event

WATCHES = "refs/deploy/watch/"
FILE = "watch.json"
PROOF = "watch"  # what the verdict is a proof of
OF_RUN = "of_run"  # in its event: the run of the release
LONGEST = 600.0  # seconds of silence that count as a sign of life at most
UNHURRIED = 10.0  # seconds that Sentry and git may take for one look


@dataclass(frozen=True)
class Watch:
    """The content of `watch.json` in the parentless commit that the ref points at.

    Args:
        run: of the release.
        at: when it went live, UTC, ISO 8601.
        owner: id of the process that watches; "": whoever comes first may.
        beat: counts the signs of life.
        ttl: seconds without one after which the owner counts as dead.
        acts: its owner has judged the release, and does what a breach does.
    """

    run: str
    environment: str
    commit: str
    at: str
    owner: str = ""
    actor: str = ""
    host: str = ""
    beat: int = 0
    ttl: float = 90
    acts: bool = False

    @property
    def patience(self) -> float:
        """Seconds of silence after which somebody else may take it over."""
        known = self.ttl if 1 <= self.ttl <= LONGEST else LONGEST  # anybody may have written it
        return known if self.owner else 0.0


def watch_ref(environment: str, run: str) -> str:
    """The ref of a window."""
    return f"{WATCHES}{environment}/{run}"


def time_to_live(settings: Settings, environment: Environment) -> float:
    """Longer than the slowest look, which gives no sign of life."""
    look = environment.watch.interval + settings.monitor.timeout + UNHURRIED
    return min(max(settings.lock.ttl, 3 * look), LONGEST)


def opens(desk: Desk, environment: Environment, run: str, commit: str) -> Update:
    """What the push that ends a release makes, too: its window is open from then on."""
    content = Watch(
        run, environment.name, commit, desk.now(), owner=run if environment.watch.wait else "",
        actor=desk.actor, host=desk.host, ttl=time_to_live(desk.settings, environment),
    )  # fmt: skip
    return Update(watch_ref(environment.name, run), None, _write(desk, content))


def windows(refs: Mapping[str, str], environment: str) -> dict[str, str]:
    """The open windows of an environment: run -> where the ref is."""
    prefix = watch_ref(environment, "")
    return {ref.removeprefix(prefix): at for ref, at in refs.items() if ref.startswith(prefix)}


def read_watch(desk: Desk, environment: str, run: str) -> tuple[str, Watch] | None:
    """Where the ref is now, and what it says; None where there is none, or no desk wrote it."""
    ref = watch_ref(environment, run)
    at = desk.git.fetch([ref]).get(ref)
    if at is None:
        return None
    document = desk.git.document(at, FILE).document
    values: dict[str, Any] = {}
    for spec in fields(Watch):
        value = document.get(spec.name)
        kinds = {"bool": bool, "int": int, "float": (int, float)}.get(str(spec.type), str)
        if isinstance(value, str) and kinds is str:
            values[spec.name] = "".join(c if c.isprintable() else "\ufffd" for c in value)
        elif isinstance(value, kinds):  # type: ignore[arg-type]
            values[spec.name] = value
        elif spec.default is MISSING:
            return None
    content = Watch(**values)
    fits = (content.run, content.environment) == (run, environment) and is_time(content.at)
    return (at, content) if fits else None


@dataclass
class HeldWatch:
    """A window that this process owns.

    Args:
        content: as it was pushed last, and `id` the commit; only who knows it can move the ref.
        pushed: every id that this process pushed: one may have arrived although its answer was lost.
    """

    desk: Desk
    content: Watch
    id: str
    pushed: set[str] = field(default_factory=set)
    _beaten: float = 0.0

    @property
    def ref(self) -> str:
        """Its ref."""
        return watch_ref(self.content.environment, self.content.run)

    @classmethod
    def take(cls, desk: Desk, seen: str, content: Watch) -> HeldWatch:
        """Become the owner of a window, by compare-and-swap.

        Args:
            seen: where its ref was.

        Raises:
            Locked: somebody else was quicker, or its owner is alive.
        """
        mine = replace(
            content, owner=desk.new_id(), actor=desk.actor, host=desk.host, beat=content.beat + 1
        )
        held = cls(desk, mine, seen)
        new = held._written(mine)
        try:
            desk.git.push([Update(held.ref, seen, new)])
        except StaleError as fault:
            held._reconcile(fault)
        held.id, held._beaten = new, desk.clock()
        return held

    def beat(self) -> None:
        """Give a sign of life, if one is due. A network that is away for a moment changes nothing.

        Raises:
            Locked: somebody else has taken the window over.
        """
        if self.desk.clock() - self._beaten >= self.content.ttl / 4:
            with contextlib.suppress(CommandFailed):
                self._move()

    def judged(self, live: Event, ending: str, detail: Mapping[str, Any], *, acts: bool = False) -> None:
        """Write the verdict, as one push with the end of the window; `acts`: it ends with `close`.

        Raises:
            Locked: somebody else has taken the window over: nothing was written.
            DeskError: the remote can't be reached, or refuses.
        """
        desk, content = self.desk, self.content
        last = replace(content, beat=content.beat + 1, acts=True)
        new = self._written(last) if acts else None

        _judge(
            desk,
            live,
            ending,
            detail,
            updates=lambda: [Update(self.ref, self.id, new)],
            stale=self._reconcile,
        )
        if new:
            self.content, self.id = last, new

    def close(self) -> None:
        """The window is over. Somebody else may have cleared it away."""
        with contextlib.suppress(DeskError, StaleError):
            self.desk.git.push([Update(self.ref, self.id, None)])

    def give_back(self) -> None:
        """Let somebody else go on, because the process ends before the window does."""
        with contextlib.suppress(DeskError):
            self._move(owner="")

    def _move(self, **changes: Any) -> None:
        content = replace(self.content, beat=self.content.beat + 1, **changes)
        new = self._written(content)
        try:
            self.desk.git.push([Update(self.ref, self.id, new)])
        except StaleError as fault:
            self._reconcile(fault)
            return
        self.content, self.id, self._beaten = content, new, self.desk.clock()

    def _reconcile(self, fault: StaleError) -> None:
        current = fault.refs.get(self.ref)
        if current not in self.pushed:
            raise Locked(
                f"somebody else watches {self.content.environment} now", "`invoke status`"
            ) from None
        self.id = current

    def _written(self, content: Watch) -> str:
        new = _write(self.desk, content)
        self.pushed.add(new)
        return new


def clear(desk: Desk, environment: Environment, ledger: Ledger, refs: Mapping[str, str]) -> None:
    """End the windows of releases that are not live any more.

    What this ledger does not know is left alone: refs are not read all in one moment.
    """
    live = ledger.live(environment.name)
    for run, at in windows(refs, environment.name).items():
        release = ledger.of_run(run, "release", environment.name)
        if release is None or (live is not None and live.run == run):
            continue
        ends = [Update(watch_ref(environment.name, run), at, None)]
        with contextlib.suppress(DeskError, StaleError):
            if verdict_of(ledger, environment.name, run):
                desk.git.push(ends)
            else:
                why = f"{live.release if live else 'nothing'} is live meanwhile"
                detail = {"verdict": "inconclusive", "why": why}
                _judge(desk, release, "error", detail, updates=lambda ends=ends: ends)  # type: ignore[misc]


def verdict_of(ledger: Ledger, environment: str, run: str) -> Event | None:
    """The verdict over the release of a run; None: there is none yet."""
    proofs = reversed(ledger.proofs(environment, PROOF))
    return next((each for each in proofs if each.detail.get(OF_RUN) == run), None)


def _judge(
    desk: Desk,
    live: Event,
    ending: str,
    detail: Mapping[str, Any],
    *,
    updates: Callable[[], Sequence[Update]],
    stale: Callable[[StaleError], None] | None = None,
) -> None:
    run = desk.new_id()

    def make(_ledger: Ledger) -> Event:
        known = {**detail, "what": PROOF, OF_RUN: live.run}
        return new_event(
            desk, live.environment, "proof", ending, release=live.release, commit=live.commit, run=run,
            detail=known,
        )  # fmt: skip

    def moved(fault: StaleError) -> None:
        if any(fault.refs.get(each.ref) != each.old for each in updates()):
            raise fault

    append(desk, fetch_ledger(desk).ledger.tip, make, updates, stale or moved)


def _write(desk: Desk, content: Watch) -> str:
    subject = f"watch of {content.environment}: {content.run} by {content.actor or 'nobody'}"
    return desk.git.commit_json(FILE, asdict(content), subject, None)
