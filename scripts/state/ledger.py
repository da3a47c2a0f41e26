# pure
"""The ledger: events, and what they say together."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from scripts.state.event_rules import BEGIN, RELEASE, RELEASES

REF = "refs/heads/deploy-ledger"
FILE = "event.json"
SHOWN = 20  # doubts that are listed
CORE = ("environment", "kind", "ending", "release", "commit", "actor", "at", "run", "desk")
MARKS = ("functions", "half_applied", "measured")  # details by which events are looked for


@dataclass(frozen=True)
class Event:
    """One commit of the ledger.

    Args:
        kind: `release`, `rollback`, `release-hold`, `freeze`, `unfreeze`, `proof`, `approval`.
        ending: `done` (proven live), `failed` (the release is bad) or `error` (it could not be
            brought there: a network, a login; the commit itself may be fine).
        release: `v41`, counted per environment; failed attempts count as well.
        at: UTC, ISO 8601.
        detail: what else this kind of event knows: schema, source, live, steps, reason.
        desk: the version of the desk that wrote it; "" where it was older than 1.0.0.
    """

    environment: str
    kind: str
    ending: str
    release: str
    commit: str
    actor: str
    at: str
    run: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    desk: str = ""

    def document(self) -> dict[str, Any]:
        """The event as JSON, with the keys that this desk does not know."""
        core = {key: getattr(self, key) for key in CORE}
        return {**self.detail, **{key: value for key, value in core.items() if value or key != "desk"}}

    @property
    def built_for(self) -> Any:
        """The schema version in the commit's stamp; the database may be ahead of it."""
        return self.detail.get("built_for", self.detail.get("schema"))

    @property
    def subject(self) -> str:
        """One line for `git log deploy-ledger`."""
        words = (self.environment, self.release, self.kind, self.commit[:12], self.ending)
        return " ".join(word for word in words if word)


class Key(NamedTuple):
    """What events are looked for by.

    Args:
        what: the kind of a proof; "" for what is none.
        marks: those of `MARKS` that the event knows something of.
    """

    environment: str
    kind: str
    ending: str
    what: str
    marks: tuple[str, ...]


def key_of(event: Event) -> Key:
    """By what an event is found."""
    what = event.detail.get("what") if event.kind == "proof" else ""
    marks = tuple(mark for mark in MARKS if isinstance(event.detail.get(mark), Mapping))
    return Key(event.environment, event.kind, event.ending, what if isinstance(what, str) else "", marks)


class Choice(NamedTuple):
    """Which events are wanted: those that fit all that is set."""

    environment: str | None = None
    kinds: Collection[str] = ()
    endings: Collection[str] = ()
    what: str = ""
    mark: str = ""

    def takes(self, key: Key) -> bool:
        """Whether an event with this key is wanted."""
        return (
            self.environment in (None, key.environment)
            and (not self.kinds or key.kind in self.kinds)
            and (not self.endings or key.ending in self.endings)
            and self.what in ("", key.what)
            and (not self.mark or self.mark in key.marks)
        )


def taken(key: Key, choices: Iterable[Choice]) -> bool:
    """Whether one of the choices takes an event with this key."""
    return any(choice.takes(key) for choice in choices)


class Indexed(Sequence[Event]):
    """Events that are found without reading all of them."""

    @abstractmethod
    def newest(self, *choices: Choice, about: Collection[str] | None = None) -> Iterator[Event]:
        """The events that a choice takes, newest first; `about`: alone those that name these commits."""

    @abstractmethod
    def counts(self) -> Counter[str]:
        """The number of events of each environment, in the order of their first events."""

    @abstractmethod
    def named(self, tree: str) -> Iterator[str]:
        """The commits that events name, those mentioned last first: of this tree, or of an unknown one."""


def person(actor: str) -> str:
    """One text for one person, whether they type on a laptop or act through CI."""
    return actor.strip().removesuffix(" (CI)").strip().casefold()


@dataclass(frozen=True)
class Doubt:
    """A commit of the ledger that is not an event as this desk knows them.

    Args:
        commit: of the ledger.
        newer: a newer desk wrote it; otherwise it can't be used, and is skipped.
    """

    commit: str
    why: str
    newer: bool = False

    def __str__(self) -> str:
        """One line for people."""
        if self.newer:
            return f"the ledger's commit `{self.commit[:12]}` was written by a newer desk: {self.why}"
        return f"the ledger's commit `{self.commit[:12]}` is no event, and is skipped: {self.why}"


@dataclass(frozen=True)
class Ledger:
    """All events, oldest first, and the commit that holds the newest.

    Args:
        doubts: commits that are no events, or those of a newer desk; none that was corrected.
        commits: of the whole chain, oldest first.
        merged: tips of other ledgers that a person decided against.
        used: environment and release of each commit, also of those that do not count; of `Indexed` events
            the highest release of each environment.
        departed: environments that a person has said are no longer in the chain.
        begun: one for each run that acquired a lock; they say nothing of how it ended.
    """

    tip: str | None
    events: Sequence[Event]
    doubts: tuple[Doubt, ...] = ()
    commits: Sequence[str] = field(default=(), compare=False, repr=False)
    merged: tuple[str, ...] = field(default=(), compare=False, repr=False)
    used: frozenset[tuple[str, str]] = field(default=frozenset(), compare=False, repr=False)
    departed: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    begun: Sequence[Event] = field(default=(), compare=False, repr=False)

    @property
    def skipped(self) -> tuple[Doubt, ...]:
        """What can't be used, and was not corrected yet."""
        return tuple(doubt for doubt in self.doubts if not doubt.newer)

    def newest(self, *choices: Choice, about: Collection[str] | None = None) -> Iterator[Event]:
        """The events that one of the choices takes, newest first.

        Args:
            about: alone those that name one of these commits, as theirs or as bad.
        """
        if isinstance(self.events, Indexed):
            return self.events.newest(*choices, about=about)
        chosen = (each for each in reversed(self.events) if taken(key_of(each), choices))
        if about is None:
            return chosen
        return (each for each in chosen if each.commit in about or str(each.detail.get("bad")) in about)

    def named(self, tree: str) -> Iterator[str]:
        """The commits that events name, those mentioned last first; of another tree than this one few."""
        if isinstance(self.events, Indexed):
            yield from self.events.named(tree)
            return
        yield from (each.commit for each in reversed(self.events) if each.commit)
        yield from (str(bad) for each in reversed(self.events) if (bad := each.detail.get("bad")))

    def count(self, environment: str | None) -> int:
        """How many events there are of an environment; None: of all."""
        return len(self.events) if environment is None else self._counts()[environment]

    def _counts(self) -> Counter[str]:
        if isinstance(self.events, Indexed):
            return self.events.counts()
        return Counter(event.environment for event in self.events)

    def strangers(self, environments: Collection[str]) -> Counter[str]:
        """Environments that are not in the chain, with the number of their events."""
        known = {*environments, *self.departed, ""}
        return Counter({name: count for name, count in self._counts().items() if name not in known})

    def problems(self, environments: Collection[str]) -> tuple[str, ...]:
        """Every doubt in words, and the events of environments that there are no longer."""
        return (
            *map(str, self.doubts[:SHOWN]),
            *([f"and {len(self.doubts) - SHOWN} more such commits"] if len(self.doubts) > SHOWN else []),
            *(
                f"the ledger has {count} event{'s' if count > 1 else ''} of `{name}`, which is no"
                " environment of the chain"
                for name, count in self.strangers(environments).items()
            ),
        )

    def live(self, environment: str) -> Event | None:
        """The release that was proven live last, as far as the ledger knows."""
        return next(self._releases(environment, "done"), None)

    def live_behind(self, environment: str, head: str | None) -> str:
        """The commit that is live here, if the branch is where GitHub's merge of it has put it; else ""."""
        live = self.live(environment)
        known = live.detail.get("pull_request") if live else None
        matches = isinstance(known, Mapping) and head is not None and known.get("merged_as") == head
        return live.commit if live and matches else ""

    def verdict(self, environment: str, commits: Collection[str]) -> Event | None:
        """The last event that judged one of these commits here: `done` or `failed`."""
        judged = self._releases(environment, "done", "failed", about=commits)
        return next((each for each in judged if each.commit in commits), None)

    def proof(self, environment: str, what: str) -> Event | None:
        """The newest proof of that kind here ("": anywhere): `drill`, `rehearsal`."""
        return next(self.newest(Choice(environment or None, ("proof",), what=what)), None)

    def proofs(
        self, environment: str, what: str, about: Collection[str] | None = None
    ) -> tuple[Event, ...]:
        """All verdicts of that kind here ("": everywhere), oldest first: `e2e`, `load`, `unit`.

        Args:
            about: alone those over these commits.
        """
        return tuple(self.newest(Choice(environment or None, ("proof",), what=what), about=about))[::-1]

    def approvals(
        self, environment: str, equal: Collection[str], same: Collection[str] = ()
    ) -> tuple[Event, ...]:
        """Who approves these commits here: the last word of each person, those who say yes.

        Args:
            equal: the commits whose approval counts.
            same: more commits, of which a withdrawal counts.
        """
        found = [*self.newest(Choice(environment, ("approval",)), about={*equal, *same})]
        last = {
            person(event.actor): event
            for event in reversed(found)
            if event.commit in equal or (event.ending != "done" and event.commit in same)
        }
        return tuple(each for each in last.values() if each.ending == "done")

    def of_run(self, run: str, kind: str, environment: str) -> Event | None:
        """The event that a run wrote, also that of its begin."""
        wanted = (run, kind, environment)
        events = reversed(self.begun) if kind == BEGIN else self.newest(Choice(environment, (kind,)))
        return next((each for each in events if (each.run, each.kind, each.environment) == wanted), None)

    def last(self, environment: str) -> Event | None:
        """The newest release event of the environment, however it ended."""
        return next(self._releases(environment), None)

    def good(self, environment: str) -> tuple[Event, ...]:
        """The releases that a rollback can go to: proven live here and not bad, newest first."""
        bad = self.bad(environment)
        released = self.newest(Choice(environment, ("release",), ("done",)))
        return tuple(each for each in released if each.commit not in bad)

    def bad(self, environment: str, among: Collection[str] | None = None) -> dict[str, Event]:
        """The commits that were rolled back here, each with the rollback that says so.

        One that went live again later, because somebody allowed it, is no longer bad.

        Args:
            among: look at these commits alone.
        """
        found: dict[str, Event] = {}
        for each in [*self._releases(environment, "done", about=among)][::-1]:
            found.pop(each.commit, None)
            bad = str(each.detail.get("bad") or "")
            if each.kind == "rollback" and bad and (among is None or bad in among):
                found[bad] = each
        return found

    def rolled_back(self, environment: str, commits: Collection[str]) -> Event | None:
        """The rollback that made one of these commits bad here; None if one went live again since."""
        for each in self._releases(environment, "done", about=commits):
            if each.commit in commits:
                return None
            if each.kind == "rollback" and each.detail.get("bad") in commits:
                return each
        return None

    def hold(self, environment: str) -> Event | None:
        """The rollback that holds the environment, None when nothing does."""
        event = next(self.newest(Choice(environment, ("release-hold", "rollback"), ("done",))), None)
        return event if event and event.kind == "rollback" else None

    def freeze(self, environment: str, now: str) -> Event | None:
        """The freeze that is in force at `now` (UTC, ISO 8601), None when there is none."""
        event = next(self.newest(Choice(environment, ("freeze", "unfreeze"))), None)
        if event is None or event.kind != "freeze":
            return None
        return event if _is_later(str(event.detail.get("until", "")), now) else None

    def next_release(self, environment: str) -> str:
        """The id that the next release gets: none is used twice, not even that of a skipped event."""
        used = {release for name, release in self.used if name == environment}
        if not isinstance(self.events, Indexed):
            used |= {event.release for event in self._releases(environment)}
        numbers = (int(release[1:]) for release in used if RELEASE.fullmatch(release))
        return f"v{max(numbers, default=0) + 1}"

    def _releases(
        self, environment: str, *endings: str, about: Collection[str] | None = None
    ) -> Iterator[Event]:
        return self.newest(Choice(environment, RELEASES, endings), about=about)


def _is_later(until: str, now: str) -> bool:
    """Whether a time is yet to come; True where the two can't be compared."""
    try:
        return datetime.fromisoformat(until) > datetime.fromisoformat(now)
    except (ValueError, TypeError):
        return True


def _plain(value: object) -> str:
    """An own text of the desk: printable; anything else was written by another hand."""
    text = value if isinstance(value, str) else ""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def event_of(document: Mapping[str, Any]) -> Event:
    """Read an event that was checked; a key that is not there is an empty text."""
    return Event(
        **{key: _plain(document.get(key)) for key in CORE},
        detail={key: value for key, value in document.items() if key not in CORE},
    )
