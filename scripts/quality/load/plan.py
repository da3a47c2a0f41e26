# pure
"""What a load test will do: a profile within an environment's caps, or why not. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from scripts.config.load_settings import PATHS, SHIPPED, Caps, LoadSettings, Stage
from scripts.config.settings import Environment
from scripts.errors import Refused
from scripts.quality.request import LoadRequest

OPEN_CAPS = Caps(users=200, rate=500, minutes=120)
GUARDED_CAPS = Caps(users=10, rate=20, minutes=15)
SLOTS = 60  # points of the latency over time
SUPABASE_JOURNEYS = ("rest", "inbox")
FEWEST_TO_ABORT = 50  # requests of the last seconds, below which nothing is hopeless yet


@dataclass(frozen=True)
class LoadPlan:
    """What will be played.

    Args:
        peak: users (closed model) or requests a second (open model) at `load = 1`.
        warmup: seconds that are not measured.
        workers: processes that make requests beside the one that leads; 0: one does all.
        port: where workers that somebody else starts find this one; 0: they are started here.
    """

    profile: str
    model: Literal["closed", "open"]
    peak: float
    warmup: float
    stages: tuple[Stage, ...]
    writes: bool
    workers: int = 0
    port: int = 0

    @property
    def seconds(self) -> float:
        """How long is measured."""
        return sum(each.seconds for each in self.stages)

    @property
    def slot(self) -> float:
        """Seconds of one point of the latency over time."""
        return max(1.0, self.seconds / SLOTS)

    @property
    def label(self) -> str:
        """In a few words."""
        what = f"{self.peak:g} users" if self.model == "closed" else f"{self.peak:g} requests/s"
        return f"{self.profile}: {what}, {self.seconds:g} s after {self.warmup:g} s of warm-up"

    @property
    def same(self) -> dict[str, Any]:
        """What two runs must share to be compared."""
        return {
            "profile": self.profile, "model": self.model, "peak": self.peak, "writes": self.writes,
            "stages": [[each.seconds, each.load] for each in self.stages], "workers": self.workers,
        }  # fmt: skip

    def document(self, load: LoadSettings, rest: str) -> dict[str, Any]:
        """What the generator is told; no secret is in it."""
        return {
            "model": self.model, "peak": self.peak, "warmup": self.warmup, "seconds": self.seconds,
            "slot": self.slot, "stages": [each._asdict() for each in self.stages],
            "writes": self.writes, "workers": self.workers, "rest": rest.rstrip("/"),
            "think": load.think, "timeout": load.timeout, "in_flight": load.in_flight, "drain": load.drain,
            "paths": {**PATHS, **load.paths}, "mix": dict(load.mix),
            "abort": {**load.abort._asdict(), "samples": FEWEST_TO_ABORT},
        }  # fmt: skip


def caps(environment: Environment) -> Caps:
    """The environment's caps; where it names none, the desk's own, lower where customers are."""
    own = GUARDED_CAPS if environment.guarded else OPEN_CAPS
    said = environment.load
    return Caps(
        users=said.users or own.users,
        rate=said.rate or own.rate,
        minutes=said.minutes or own.minutes,
        writes=said.writes,
    )


def plan_of(load: LoadSettings, environment: Environment, request: LoadRequest) -> LoadPlan:
    """The profile, scaled as asked.

    Raises:
        Refused: there is no such profile, the request makes no sense, or it is more than may be there.
    """
    known = {**SHIPPED, **load.profiles}
    if request.profile not in known:
        raise Refused(
            f"there is no load profile `{request.profile}`", "known: " + ", ".join(f"`{n}`" for n in known)
        )
    _sensible(request)
    profile = known[request.profile]
    rate = request.rate or (0 if request.users else profile.rate)
    length = sum(each.seconds for each in profile.stages)
    factor = request.seconds / length if request.seconds else 1.0
    plan = LoadPlan(
        profile=request.profile,
        model="open" if rate else "closed",
        peak=rate or request.users or profile.users,
        warmup=max(1.0, min(profile.warmup, profile.warmup * factor)),
        stages=tuple(Stage(each.seconds * factor, each.load) for each in profile.stages),
        writes=caps(environment).writes,
        workers=request.processes or request.workers_expected,
        port=request.port if request.workers_expected else 0,
    )
    _within(plan, environment)
    return plan


def _sensible(request: LoadRequest) -> None:
    if request.users and request.rate:
        raise Refused("`--users` is the closed model and `--rate` the open one: name one of them")
    if request.processes and request.workers_expected:
        raise Refused("`--processes` are on this machine, `--workers-expected` on others: name one of them")
    if min(request.users, request.rate, request.seconds, request.processes, request.workers_expected) < 0:
        raise Refused("a load test needs numbers above 0")


def _within(plan: LoadPlan, environment: Environment) -> None:
    limit = caps(environment)
    peak = plan.peak * max(each.load for each in plan.stages)
    most, what = (limit.rate, "requests/s") if plan.model == "open" else (limit.users, "users")
    minutes = (plan.seconds + plan.warmup) / 60
    faults = [f"{peak:g} {what} (at most {most:g})"] if peak > most else []
    faults += [f"{minutes:.1f} minutes (at most {limit.minutes:g})"] if minutes > limit.minutes else []
    if faults:
        raise Refused(
            f"{plan.profile} is more than {environment.name} may get: {', '.join(faults)}",
            "ask for less with `--users`, `--rate` and `--seconds`, "
            f"or raise `[environment.{environment.name}.load]`",
        )


def lacking(load: LoadSettings, values: Mapping[str, str]) -> list[str]:
    """The variables without which a journey of the mix can't be played."""
    wanted = [name for name in SUPABASE_JOURNEYS if load.mix.get(name)]
    names = [load.rest, load.rest_key] if wanted else []
    names += ["LOAD_ACCOUNTS"] if "inbox" in wanted else []
    return [name for name in names if not values.get(name)]
