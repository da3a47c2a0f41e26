# pure
"""When looks become an incident, and when it is over.

An incident begins after `[monitor] down` bad looks in a row, or when half of the last four times as many
were bad; it ends after `up` good ones. What goes down again within an hour needs twice as many good ones
each time, so that something that flaps is one incident, and not a message a minute.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from scripts.config.monitor_settings import Monitor
from scripts.monitor.checks import TROUBLE, Level, Look

HOUR = 3600.0
MOST_DAMPING = 16  # times `up`
Change = Literal["", "down", "worse", "up"]


@dataclass
class Incident:
    """A check in trouble.

    Args:
        id: of the first look.
        level: `bad`, or `warn`, which can get worse.
        began: seconds since 1970, as is `ended`: of the first bad look of the row.
        release: that was live when it began, such as `v41`; "" where that is not known.
        live_for: seconds that the release had been live by then.
        flapping: how many incidents of the check came within an hour of the one before, with this one.
        told: the changes that a notice is kept of, or was delivered for: `down`, `worse`, `up`.
    """

    id: str
    environment: str
    check: str
    level: Level
    began: float
    why: str
    release: str = ""
    live_for: float = 0.0
    ended: float | None = None
    flapping: int = 1
    told: tuple[Change, ...] = ()

    def untold(self) -> Change:
        """What people are still to be told; "" for nothing."""
        if "down" not in self.told:
            return "down"
        if self.ended is not None:
            return "" if "up" in self.told else "up"
        return "worse" if self.level == "bad" and "worse" not in self.told else ""


@dataclass
class Track:
    """The last looks at one check, and its open incident.

    Args:
        looks: level and time, since the last incident ended; the newest last.
        last: the incident before, which is over.
    """

    looks: deque[tuple[Level, float]] = field(default_factory=deque)
    incident: Incident | None = None
    last: Incident | None = None

    def doubtful(self, look: Look) -> bool:
        """Whether a look disagrees with what is known, so that a second one is due."""
        if look.level == "unknown":
            return False
        if self.incident is None:
            return look.level in TROUBLE
        return look.level == "good" or (look.level == "bad" and self.incident.level == "warn")

    def add(self, rules: Monitor, look: Look, at: float) -> Change:
        """Take a look into account; what changed by it. The caller makes the incident for `down`."""
        if look.level == "unknown":
            return ""
        self.looks.append((look.level, at))
        while len(self.looks) > 4 * rules.down:
            self.looks.popleft()
        if self.incident is None:
            return "down" if self._is_down(rules) else ""
        if self._in_a_row(("bad",)) >= rules.down and self.incident.level == "warn":
            self.incident.level, self.incident.why = "bad", look.why
            return "worse"
        damped = min(2 ** (self.incident.flapping - 1), MOST_DAMPING)
        return "up" if self._in_a_row(("good",)) >= rules.up * damped else ""

    def begin(self, incident: Incident) -> None:
        """The incident of a `down`."""
        if self.last and incident.began - (self.last.ended or 0.0) < HOUR:
            incident.flapping = self.last.flapping + 1
        self.incident = incident

    def end(self, at: float) -> Incident:
        """The incident of an `up`, which is over."""
        assert self.incident is not None  # noqa: S101 - `add` said `up`
        self.last, self.incident = self.incident, None
        self.last.ended = at
        self.looks.clear()
        return self.last

    def first_trouble(self) -> float:
        """When the bad looks of a new incident began."""
        troubled = [at for level, at in self.looks if level in TROUBLE]
        row = self._in_a_row(TROUBLE)
        return troubled[-row] if row else troubled[0]

    def _is_down(self, rules: Monitor) -> bool:
        if self._in_a_row(TROUBLE) >= rules.down:
            return True
        troubled = sum(level in TROUBLE for level, _ in self.looks)
        half = len(self.looks) == 4 * rules.down and 2 * troubled >= len(self.looks)
        return half and self.looks[-1][0] in TROUBLE

    def _in_a_row(self, levels: tuple[Level, ...]) -> int:
        count = 0
        for level, _ in reversed(self.looks):
            if level not in levels:
                break
            count += 1
        return count
