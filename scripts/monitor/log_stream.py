"""All places of some environments read as one stream, and what of them could not be read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from scripts.config.desk import Desk
from scripts.config.settings import Environment
from scripts.errors import DeskError, Refused
from scripts.monitor.log_lines import Line, Raw, Releases, chosen, finished
from scripts.monitor.log_sources import sources_of
from scripts.monitor.watcher import DAY
from scripts.state.ledger import Ledger
from scripts.state.remote import observe_remote
from scripts.system.secret import redact

LONGEST = 7 * DAY  # that is read: eight requests to Supabase
PAUSE = 15.0  # seconds between two looks of `--follow`
LATE = 180.0  # seconds that an entry may take until Supabase shows it
REPLIT = "what a published app writes: Replit gives it to no program; see *Logs* in its Publishing tool"


@dataclass
class Stream:
    """What was read, and what could not be.

    Args:
        complete: the last read had all that is set up here. `named`: the releases were known.
        seen: the entries that were shown, with their time: `--follow` reads the last minutes again.
    """

    desk: Desk
    environments: list[Environment]
    pattern: re.Pattern[str] | None = None
    release: str = ""
    lacking: list[str] = field(default_factory=lambda: [REPLIT])
    seen: dict[tuple[str, str], float] = field(default_factory=dict)
    complete: bool = False
    named: bool = False

    def read(self, begin: float, end: float) -> list[Line]:
        """The entries of a time that were not read before, oldest first."""
        self.complete = self.named = True
        ledger, lines = self._ledger(), list[Line]()
        self.seen = {key: at for key, at in self.seen.items() if at >= begin}
        for environment in self.environments:
            releases, raws = Releases(ledger.events, environment.name), list[Raw]()
            for name, source in sources_of(self.desk, environment, ledger).items():
                try:
                    raws += self._new(environment.name, source(begin, end))
                except DeskError as fault:
                    self.complete = self.complete and isinstance(fault, Refused)  # it is not set up
                    hint = f" ({fault.hint})" if fault.hint else ""
                    self._lacks(f"{environment.name}: {name}: {fault.message}{hint}")
            lines += finished(raws, environment.name, releases, redact)
        return chosen(lines, self.pattern, self.release)

    def _ledger(self) -> Ledger:
        """What this machine says is worth showing without it, but nobody knows of which release it is."""
        try:
            return observe_remote(self.desk).ledger
        except DeskError as fault:
            self.complete = self.named = False
            self._lacks(f"the ledger, and so the releases: {fault.message}")
            return Ledger(None, ())

    def _new(self, environment: str, entries: Iterable[Raw | str]) -> Iterable[Raw]:
        for each in entries:
            if isinstance(each, str):
                self._lacks(f"{environment}: {each}")
            elif (environment, each.key) not in self.seen:
                self.seen[environment, each.key] = each.at
                yield each

    def _lacks(self, what: str) -> None:
        if what not in self.lacking:
            self.lacking.append(what)
