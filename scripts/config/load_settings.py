# pure
"""`[load]` of `pipeline.toml`: what a load test does, how hard it may be, what it has to reach."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


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
    """Thresholds; 0 is none. Times in ms, `failures` and `dropped` are ratios, `rate` is requests/s."""

    p50: float = 0
    p95: float = 0
    p99: float = 0
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
    "smoke": Profile(users=5, warmup=5, stages=(Stage(60),)),
    "steady": Profile(users=20, warmup=30, stages=(Stage(300),)),
    "spike": Profile(users=60, warmup=15, stages=(Stage(60, 0.2), Stage(30), Stage(60, 0.2))),
    "soak": Profile(users=15, warmup=60, stages=(Stage(1800),)),
    "stress": Profile(
        users=100,
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
    thresholds: Limits = Limits(p95=800, failures=0.001, dropped=0.001)
    endpoints: Mapping[str, Limits] = MappingProxyType({})
    abort: Abort = Abort()
