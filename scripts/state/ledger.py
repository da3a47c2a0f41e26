# pure
"""The ledger: events, and what they say together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from scripts.state.event_rules import BEGIN, RELEASE, RELEASES

REF = "refs/heads/deploy-ledger"
FILE = "event.json"
SHOWN = 20  # doubts that are listed


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
        core = asdict(self)
        del core["detail"]
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
        used: environment and release of each commit, also of those that do not count.
        departed: environments that a person has said are no longer in the chain.
        begun: one for each run that acquired a lock; they say nothing of how it ended.
    """

    tip: str | None
    events: tuple[Event, ...]
    doubts: tuple[Doubt, ...] = ()
    commits: tuple[str, ...] = field(default=(), compare=False, repr=False)
    merged: tuple[str, ...] = field(default=(), compare=False, repr=False)
    used: frozenset[tuple[str, str]] = field(default=frozenset(), compare=False, repr=False)
    departed: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    begun: tuple[Event, ...] = field(default=(), compare=False, repr=False)

    @property
    def skipped(self) -> tuple[Doubt, ...]:
        """What can't be used, and was not corrected yet."""
        return tuple(doubt for doubt in self.doubts if not doubt.newer)

    def strangers(self, environments: Collection[str]) -> Counter[str]:
        """Environments that are not in the chain, with the number of their events."""
        known = {*environments, *self.departed, ""}
        return Counter(event.environment for event in self.events if event.environment not in known)

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
        return next((each for each in self._newest(environment) if each.ending == "done"), None)

    def live_behind(self, environment: str, head: str | None) -> str:
        """The commit that is live here, if the branch is where GitHub's merge of it has put it; else ""."""
        live = self.live(environment)
        known = live.detail.get("pull_request") if live else None
        matches = isinstance(known, Mapping) and head is not None and known.get("merged_as") == head
        return live.commit if live and matches else ""

    def verdict(self, environment: str, commits: Collection[str]) -> Event | None:
        """The last event that judged one of these commits here: `done` or `failed`."""
        return next(
            (
                each
                for each in self._newest(environment)
                if each.commit in commits and each.ending in ("done", "failed")
            ),
            None,
        )

    def proof(self, environment: str, what: str) -> Event | None:
        """The newest proof of that kind here: `drill`, `rehearsal`."""
        for event in reversed(self.events):
            if (event.environment, event.kind) == (environment, "proof") and event.detail.get(
                "what"
            ) == what:
                return event
        return None

    def proofs(self, environment: str, what: str) -> tuple[Event, ...]:
        """All verdicts of that kind here ("": everywhere), oldest first: `e2e`, `load`, `unit`."""
        return tuple(
            event
            for event in self.events
            if event.kind == "proof"
            and event.detail.get("what") == what
            and environment in ("", event.environment)
        )

    def approvals(
        self, environment: str, equal: Collection[str], same: Collection[str] = ()
    ) -> tuple[Event, ...]:
        """Who approves these commits here: the last word of each person, those who say yes.

        Args:
            equal: the commits whose approval counts.
            same: more commits, of which a withdrawal counts.
        """
        last = {
            person(event.actor): event
            for event in self.events
            if (event.environment, event.kind) == (environment, "approval")
            and (event.commit in equal or (event.ending != "done" and event.commit in same))
        }
        return tuple(each for each in last.values() if each.ending == "done")

    def of_run(self, run: str, kind: str, environment: str) -> Event | None:
        """The event that a run wrote, also that of its begin."""
        wanted = (run, kind, environment)
        events = self.begun if kind == BEGIN else self.events
        return next(
            (each for each in reversed(events) if (each.run, each.kind, each.environment) == wanted), None
        )

    def last(self, environment: str) -> Event | None:
        """The newest release event of the environment, however it ended."""
        return next(iter(self._newest(environment)), None)

    def good(self, environment: str) -> tuple[Event, ...]:
        """The releases that a rollback can go to: proven live here and not bad, newest first."""
        bad = self.bad(environment)
        return tuple(
            each
            for each in self._newest(environment)
            if each.ending == "done" and each.kind == "release" and each.commit not in bad
        )

    def bad(self, environment: str) -> dict[str, Event]:
        """The commits that were rolled back here, each with the rollback that says so.

        One that went live again later, because somebody allowed it, is no longer bad.
        """
        found: dict[str, Event] = {}
        for each in reversed(self._newest(environment)):
            if each.ending == "done":
                found.pop(each.commit, None)
                if each.kind == "rollback" and each.detail.get("bad"):
                    found[str(each.detail["bad"])] = each
        return found

    def rolled_back(self, environment: str, commits: Collection[str]) -> Event | None:
        """The rollback that made one of these commits bad here; None if one went live again since."""
        for each in self._newest(environment):
            if each.ending == "done" and each.commit in commits:
                return None
            if each.ending == "done" and each.kind == "rollback" and each.detail.get("bad") in commits:
                return each
        return None

    def hold(self, environment: str) -> Event | None:
        """The rollback that holds the environment, None when nothing does."""
        for event in reversed(self.events):
            if event.environment == environment and event.ending == "done":
                if event.kind == "release-hold":
                    return None
                if event.kind == "rollback":
                    return event
        return None

    def freeze(self, environment: str, now: str) -> Event | None:
        """The freeze that is in force at `now` (UTC, ISO 8601), None when there is none."""
        for event in reversed(self.events):
            if event.environment == environment and event.kind in ("freeze", "unfreeze"):
                in_force = event.kind == "freeze" and _is_later(str(event.detail.get("until", "")), now)
                return event if in_force else None
        return None

    def next_release(self, environment: str) -> str:
        """The id that the next release gets: none is used twice, not even that of a skipped event."""
        used = {event.release for event in self._newest(environment)}
        used |= {release for name, release in self.used if name == environment}
        numbers = (int(release[1:]) for release in used if RELEASE.fullmatch(release))
        return f"v{max(numbers, default=0) + 1}"

    def _newest(self, environment: str) -> list[Event]:
        return [
            event
            for event in reversed(self.events)
            if event.environment == environment and event.kind in RELEASES
        ]


def _is_later(until: str, now: str) -> bool:
    """Whether a time is yet to come; True where the two can't be compared."""
    try:
        return datetime.fromisoformat(until) > datetime.fromisoformat(now)
    except (ValueError, TypeError):
        return True


def _plain(value: object) -> str:
    """An own text of the desk: printable; anything else was written by another hand."""
    text = value if isinstance(value, str) else ""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def event_of(document: Mapping[str, Any]) -> Event:
    """Read an event that was checked; a key that is not there is an empty text."""
    core = ("environment", "kind", "ending", "release", "commit", "actor", "at", "run", "desk")
    return Event(
        **{key: _plain(document.get(key)) for key in core},
        detail={key: value for key, value in document.items() if key not in core},
    )
