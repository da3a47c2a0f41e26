# pure
"""`[load]` of `pipeline.toml`: what a load test does, how hard it may be, what it has to reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

RATIOS, TIMES = ("failures", "dropped"), ("p50", "p95", "p99", "worst_second")
HIGHEST_RATIO = 0.5  # of a threshold: an app of which more may fail is not being tested


MOST = (  # the keys of `[load]` that would make every run good, and where that begins
    ("timeout", 120, "seconds that a request may take"),
    ("noise", 1, "a ratio: `0.15` for 15 %"),
    ("noise_ms", 1000, "a time in milliseconds"),
)


class Stage(NamedTuple):
    """One row of a shape: so many seconds at that share of the peak."""

    seconds: float = 60
    load: float = 1


class Profile(NamedTuple):
    """`[load.profiles.<name>]`: a shape and its peak: users, or requests a second (open model)."""

    users: int = 20
    rate: float = 0
    warmup: float = 10
    stages: tuple[Stage, ...] = (Stage(),)


class Limits(NamedTuple):
    """Thresholds; 0 is none. Times in ms, `failures` and `dropped` are ratios, `rate` is requests/s.

    Args:
        worst_second: the median of the worst second: a freeze, which a percentile of all requests hides.
    """

    p50: float = 0
    p95: float = 0
    p99: float = 0
    worst_second: float = 0
    failures: float = 0
    dropped: float = 0
    rate: float = 0


class Abort(NamedTuple):
    """`[load.abort]`: when the last `seconds` were like this, the rest is not played."""

    failures: float = 0.5
    p95: float = 10_000
    seconds: float = 10


class Caps(NamedTuple):
    """`[environment.<name>.load]`: how hard an environment may be hit; 0 is the desk's own cap."""

    users: int = 0
    rate: float = 0
    minutes: float = 0
    writes: bool = False


SHIPPED: Mapping[str, Profile] = {
    "smoke": Profile(rate=5, warmup=5, stages=(Stage(60),)),
    "steady": Profile(rate=20, warmup=30, stages=(Stage(300),)),
    "spike": Profile(rate=60, warmup=15, stages=(Stage(60, 0.2), Stage(30), Stage(60, 0.2))),
    "soak": Profile(rate=15, warmup=60, stages=(Stage(1800),)),
    "stress": Profile(
        rate=100,
        warmup=15,
        stages=(Stage(60, 0.2), Stage(60, 0.4), Stage(60, 0.6), Stage(60, 0.8), Stage(60)),
    ),
}
PATHS: Mapping[str, str] = {
    "home": "/",
    "properties": "/api/properties",
    "bookings": "/api/bookings",
    "book": "/api/bookings",
    "whatsapp": "/webhook/whatsapp",
    "rest": "/rest/v1/properties?select=id,name,city&limit=20",
    "inbox": "/rest/v1/host_inbox?select=id,sender,body&limit=20",
}
MIX: Mapping[str, int] = {"browse": 50, "search": 30, "book": 10, "whatsapp": 10}
CLEANUP: tuple[str, ...] = (
    "delete from public.bookings where guest_email like 'load-{run}-%@example.invalid'",
    "delete from public.messages where whatsapp_id like 'wamid.load-{run}-%'",
)


class LoadSettings(NamedTuple):
    """`[load]`. Times in seconds unless a name says otherwise."""

    think: float = 1
    timeout: float = 10
    drain: float = 10
    in_flight: int = 1000
    noise: float = 0.15
    noise_ms: float = 5
    rest: str = "VITE_SUPABASE_URL"
    rest_key: str = "VITE_SUPABASE_ANON_KEY"
    paths: Mapping[str, str] = PATHS
    mix: Mapping[str, int] = MIX
    cleanup: tuple[str, ...] = CLEANUP
    profiles: Mapping[str, Profile] = SHIPPED
    thresholds: Limits = Limits(p95=800, p99=1500, worst_second=900, failures=0.001, dropped=0.001)
    endpoints: Mapping[str, Limits] = MappingProxyType({})
    abort: Abort = Abort()


def load_faults(load: LoadSettings) -> Iterator[str]:
    """What no app could break, or says nothing of this one: a percentage for a ratio, another host."""
    yield from _general_faults(load)
    for name, path in load.paths.items():
        if not path.startswith("/") or path.startswith("//"):
            yield f"`load.paths.{name}` should begin with one `/`: it is a path of the app itself"
    for name, profile in load.profiles.items():
        if not profile.stages:
            yield f"`load.profiles.{name}.stages` needs a stage"
    yield from _limit_faults("load.thresholds", load.thresholds, load.timeout)
    for name, limits in load.endpoints.items():
        yield from _limit_faults(f"load.endpoints.{name}", limits, load.timeout)


def _general_faults(load: LoadSettings) -> Iterator[str]:
    for key, most, unit in MOST:
        if getattr(load, key) > most:
            yield f"`load.{key}` is {unit}, at most {most:g}"
    ratio = load.abort.failures
    if ratio > 1:
        yield f"`load.abort.failures` is a ratio: `{ratio / 100:g}` for {ratio:g} %"
    if not load.in_flight:
        yield "`load.in_flight` is how many requests may be under way, at least 1"


def _limit_faults(path: str, limits: Limits, timeout: float) -> Iterator[str]:
    for key in RATIOS:
        ratio = getattr(limits, key)
        if ratio > HIGHEST_RATIO:
            yield f"`{path}.{key}` is a ratio: `{ratio / 100:g}` for {ratio:g} %, at most {HIGHEST_RATIO:g}"
    for key in TIMES:
        if getattr(limits, key) > timeout * 1000:
            longest = f"`load.timeout` ends a request after {timeout * 1000:g} ms"
            yield f"`{path}.{key}` is longer, in milliseconds, than a request may take: {longest}"
