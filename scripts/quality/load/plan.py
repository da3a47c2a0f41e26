# pure
"""What a load test will do: a profile within an environment's caps, or the reason why not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from scripts.config.load_settings import PATHS, SHIPPED, Caps, LoadSettings, Stage
from scripts.config.settings import Environment
from scripts.errors import Refused, UsageError
from scripts.quality.request import LoadRequest
from scripts.system.near import guess

OPEN_CAPS = Caps(users=200, rate=500, minutes=120)
GUARDED_CAPS = Caps(users=10, rate=20, minutes=15)
SLOT = 1.0  # seconds whose latencies are kept together
HIGHEST_PORT = 65535
MAX_SLOTS = 60  # points of the latency chart
SUPABASE_JOURNEYS = ("rest", "inbox")
MIN_ABORT_SAMPLES = 50  # requests within `[load.abort] seconds`; with fewer, a run is not stopped early


@dataclass(frozen=True)
class LoadPlan:
    """The load to generate.

    Args:
        peak: users (closed model) or requests a second (open model) at `load = 1`.
        warmup: seconds that are not measured.
        workers: processes that make requests, in addition to their master; 0: one process does all.
        port: where workers of other machines connect; 0: workers are started on this machine.
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
        """The measured time."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def slot(self) -> int:
        """Seconds per point of the latency chart."""
        return max(1, math.ceil(self.seconds / MAX_SLOTS))

    @property
    def label(self) -> str:
        """The plan in a few words."""
        peak = f"{self.peak:g} users" if self.model == "closed" else f"{self.peak:g} requests/s"
        return f"{self.profile}: {peak}, {self.seconds:.4g} s after {self.warmup:.3g} s of warm-up"

    @property
    def comparable(self) -> dict[str, Any]:
        """What two runs must share to be compared."""
        return {
            "profile": self.profile, "model": self.model, "peak": self.peak, "writes": self.writes,
            "stages": [[stage.seconds, stage.load] for stage in self.stages], "workers": self.workers,
        }  # fmt: skip

    def document(self, load: LoadSettings, rest: str) -> dict[str, Any]:
        """The plan as the generator reads it, without secrets; `rest` is Supabase's URL."""
        return {
            "model": self.model, "peak": self.peak, "warmup": self.warmup, "seconds": self.seconds,
            "slot": SLOT, "stages": [stage._asdict() for stage in self.stages],
            "writes": self.writes, "workers": self.workers, "rest": rest.rstrip("/"),
            "think": load.think, "timeout": load.timeout, "in_flight": load.in_flight, "drain": load.drain,
            "paths": {**PATHS, **load.paths}, "mix": dict(load.mix),
            "abort": {**load.abort._asdict(), "samples": MIN_ABORT_SAMPLES},
        }  # fmt: skip


def caps_of(environment: Environment) -> Caps:
    """The environment's caps. Where it sets none, the desk's own, which are lower where customers are."""
    default, own = GUARDED_CAPS if environment.guarded else OPEN_CAPS, environment.load
    return Caps(
        users=own.users or default.users,
        rate=own.rate or default.rate,
        minutes=own.minutes or default.minutes,
        writes=own.writes,
    )


def plan_of(load: LoadSettings, environment: Environment, request: LoadRequest) -> LoadPlan:
    """The profile, scaled as requested.

    Raises:
        Refused: there is no such profile, the options contradict each other, or the caps are exceeded.
    """
    profiles = {**SHIPPED, **load.profiles}
    if request.profile not in profiles:
        listed = ", ".join(f"`{name}`" for name in profiles)
        hint = f"{guess(request.profile, profiles)}the profiles are {listed}"
        raise Refused(f"there is no load profile `{request.profile}`", hint)
    _check_options(request)
    profile = profiles[request.profile]
    rate = request.rate or (0 if request.users else profile.rate)
    length = sum(stage.seconds for stage in profile.stages)
    factor = request.seconds / length if request.seconds else 1.0
    plan = LoadPlan(
        profile=request.profile,
        model="open" if rate else "closed",
        peak=rate or request.users or profile.users,
        warmup=max(1.0, min(profile.warmup, profile.warmup * factor)),
        stages=tuple(Stage(stage.seconds * factor, stage.load) for stage in profile.stages),
        writes=caps_of(environment).writes,
        workers=request.processes or request.workers_expected,
        port=request.port if request.workers_expected else 0,
    )
    _check_caps(plan, environment)
    return plan


def _check_options(request: LoadRequest) -> None:
    if request.users and request.rate:
        raise UsageError(
            "`--users` is the closed model and `--rate` the open one: name one of them",
            "leave one of them out",
        )
    if request.processes and request.workers_expected:
        raise UsageError(
            "`--processes` are on this machine, `--workers-expected` on others: name one of them",
            "leave one of them out",
        )
    if min(request.users, request.rate, request.seconds, request.processes, request.workers_expected) < 0:
        raise UsageError("a load test needs numbers above 0", "`invoke load-test --help`")
    if request.port > HIGHEST_PORT:
        raise UsageError(f"`--port {request.port}` is no port", f"at most {HIGHEST_PORT}")


def _check_caps(plan: LoadPlan, environment: Environment) -> None:
    caps = caps_of(environment)
    peak = plan.peak * max(stage.load for stage in plan.stages)
    limit, unit = (caps.rate, "requests/s") if plan.model == "open" else (caps.users, "users")
    minutes = (plan.seconds + plan.warmup) / 60
    excess = [f"{peak:g} {unit} (at most {limit:g})"] if peak > limit else []
    excess += [f"{minutes:.1f} minutes (at most {caps.minutes:g})"] if minutes > caps.minutes else []
    if excess:
        raise Refused(
            f"{plan.profile} exceeds the caps of {environment.name}: {', '.join(excess)}",
            "ask for less with `--users`, `--rate` and `--seconds`, "
            f"or raise `[environment.{environment.name}.load]`",
        )


def missing_variables(load: LoadSettings, values: Mapping[str, str]) -> list[str]:
    """The variables without which a journey of the mix can't be played."""
    journeys = [name for name in SUPABASE_JOURNEYS if load.mix.get(name)]
    names = [load.rest, load.rest_key] if journeys else []
    names += ["LOAD_ACCOUNTS"] if "inbox" in journeys else []
    return [name for name in names if not values.get(name)]
