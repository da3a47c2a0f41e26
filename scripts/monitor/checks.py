# pure
"""Which checks an environment has, and what one look gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from scripts.config.monitor_settings import Monitor, MonitorCheck
from scripts.config.settings import Environment, Settings

Level = Literal["good", "warn", "bad", "unknown"]
TROUBLE: tuple[Level, ...] = ("warn", "bad")
# what a check needs of its environment, beside being switched on
SUPABASE = ("supabase-rest", "supabase-auth")
DATABASE = ("database", "connections", "queries", "size", "migrations")


class Check(NamedTuple):
    """One thing that is looked at.

    Args:
        name: for people, unique in its environment: `page /`.
        kind: which probe looks: the name of a built-in check, or the kind of a table.
        wanted: what the answer should be, where it is an address.
    """

    environment: str
    name: str
    kind: str
    wanted: MonitorCheck = MonitorCheck("")

    @property
    def key(self) -> tuple[str, str]:
        """Of its results."""
        return self.environment, self.name


class Look(NamedTuple):
    """What one look gave.

    Args:
        level: `unknown` counts neither way: something else is in the way of looking.
        why: for people; of a good one a detail, or "".
        seconds: how long the answer took; None for what is no answer.
        phases: milliseconds each.
        cold: seconds of a first answer that was not counted: the app had slept.
    """

    level: Level
    why: str = ""
    seconds: float | None = None
    phases: Mapping[str, float] = {}
    cold: float = 0.0

    def document(self) -> dict[str, Any]:
        """As JSON."""
        phases = {name: round(ms, 1) for name, ms in self.phases.items() if name != "start"}
        return {"level": self.level, "why": self.why, "seconds": self.seconds, "phases": phases}


def checks_of(settings: Settings, environment: Environment, values: Mapping[str, str]) -> Iterator[Check]:
    """The checks of an environment: the built-in ones that apply, then those of the tables."""
    name, monitor = environment.name, settings.monitor
    off = {each for each in monitor.off if "/" not in each}
    off |= {each.rpartition("/")[2] for each in monitor.off if each.startswith(f"{name}/")}
    if "page" not in off:
        yield from (
            Check(name, f"page {path}", "http", MonitorCheck(f"page {path}", path=path))
            for path in settings.verify.paths
        )
    kinds = _applicable(settings, environment, values)
    yield from (Check(name, kind, kind) for kind in kinds if kind not in off)
    yield from tables_of(monitor, name)


def tables_of(monitor: Monitor, environment: str) -> Iterable[Check]:
    """The checks of `[[monitor.checks]]` that are for this environment."""
    return (
        Check(environment, each.name, each.kind, each)
        for each in monitor.checks
        if environment in each.environments or not each.environments
    )


def _applicable(settings: Settings, environment: Environment, values: Mapping[str, str]) -> Iterator[str]:
    host = urlsplit(environment.url).hostname or ""
    stored = environment.database and bool(settings.app.migrations)
    yield "commit"
    for kinds, applies in (
        (("dns",), any(letter.isalpha() for letter in host.rpartition(".")[2])),  # no bare address
        (("tls",), environment.url.startswith("https:")),
        (DATABASE, stored),
        (SUPABASE, values.get(settings.load.rest)),
        (("functions",), settings.supabase.functions and values.get("SUPABASE_ACCESS_TOKEN")),
        (("backup",), environment.guarded and stored),
        (("drill",), environment.drill_days and settings.before(environment)),
        (("lock", "notices"), True),
        (("remote",), environment.name == settings.chain[-1]),
    ):
        yield from kinds if applies else ()
