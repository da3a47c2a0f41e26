"""What people do: calls of one request each, and journeys, which are calls in a row.

A team adds a call (a function with `@call`), names it in a journey, and gives that
a weight in `[load.mix]`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import time
from collections.abc import Callable
from datetime import date, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from accounts import Accounts
    from recorder import Recorder

FIRST_NIGHT = date(2050, 1, 1)  # far from everybody's holidays
NIGHTS = 18_000


class Visit:
    """One person on the way through the app, or one arrival of the open model.

    Args:
        client: Locust's session; it follows no redirect.
        intended: when the next request was due (`time.perf_counter`); 0 for now.
    """

    def __init__(self, client: Any, world: World, intended: float = 0.0) -> None:
        self.client, self.world, self.intended = client, world, intended

    def ask(
        self, name: str, method: str, url: str, want: int = 200, shows: bytes = b"", **more: Any
    ) -> Any:
        """One request; a failure unless it answers `want` and its body shows those bytes."""
        intended, self.intended = self.intended or time.perf_counter(), 0.0
        token = self.world.recorder.opened(name, intended)
        try:
            with self.client.request(
                method, url, name=name, catch_response=True, context={"intended": intended}, **more
            ) as answer:
                answer.request_meta["response_time"] = (time.perf_counter() - intended) * 1000
                fault = _fault(answer, want, shows)
                answer.failure(fault) if fault else answer.success()
            return None if fault else answer
        finally:
            self.world.recorder.closed(token)


def _fault(answer: Any, want: int, shows: bytes) -> str | None:
    status = answer.status_code
    if status == want:
        shown = not shows or shows in (answer.content or b"")
        return None if shown else f"{status}, but without `{shows.decode()}`"
    if not status:
        return f"no answer ({type(answer.error).__name__})"
    if 300 <= status < 400:
        target = urlsplit((answer.headers or {}).get("location", "")).netloc
        return f"{status}: redirected to {target or 'another page'}, which is not followed"
    return f"answered {status}"


class World:
    """What all visits of one process share: the plan, where to write down, who is logged in."""

    def __init__(self, plan: dict[str, Any], recorder: Recorder, accounts: Accounts, place: int) -> None:
        self.plan, self.recorder, self.accounts = plan, recorder, accounts
        self.paths: dict[str, str] = plan["paths"]
        self.rest: str = plan["rest"]
        self.number = count(place, max(1, plan["workers"]))  # no two processes book the same night
        self.properties: list[str] = []

    @property
    def run(self) -> str:
        """The mark on everything that is written."""
        return str(self.plan["run"])


Call = Callable[[Visit], Any]
CALLS: dict[str, Call] = {}
WRITES: set[str] = set()


def call(*, writes: bool = False) -> Callable[[Call], Call]:
    """Have a function be a call under its own name."""

    def known(function: Call) -> Call:
        CALLS[function.__name__] = function
        if writes:
            WRITES.add(function.__name__)
        return function

    return known


@call()
def home(visit: Visit) -> None:
    """The front page."""
    visit.ask("home", "GET", visit.world.paths["home"])


@call()
def properties(visit: Visit) -> None:
    """What can be booked; an empty list is no answer."""
    answer = visit.ask("properties", "GET", visit.world.paths["properties"], shows=b'"id"')
    if answer is not None and not visit.world.properties:
        found = json.loads(answer.content)
        rows = found if isinstance(found, list) else next(iter(found.values()))
        visit.world.properties = [row["id"] for row in rows]


@call()
def bookings(visit: Visit) -> None:
    """Which nights are taken."""
    visit.ask("bookings", "GET", visit.world.paths["bookings"])


@call(writes=True)
def book(visit: Visit) -> None:
    """One night that nobody else books, under the mark of this run."""
    world = visit.world
    if not world.properties:
        properties(visit)
        if not world.properties:
            return
    number = next(world.number)
    first = int(hashlib.sha256(world.run.encode()).hexdigest(), 16)
    which = world.properties[number % len(world.properties)]
    night = FIRST_NIGHT + timedelta(days=(first + number // len(world.properties)) % NIGHTS)
    body = {
        "property_id": which,
        "guest_name": f"load test {world.run}",
        "guest_email": f"load-{world.run}-{number}@example.invalid",
        "check_in": night.isoformat(),
        "check_out": (night + timedelta(days=1)).isoformat(),
    }
    world.recorder.created["bookings"] += 1
    visit.ask("book", "POST", world.paths["book"], want=201, shows=b'"booking"', json=body)


@call(writes=True)
def whatsapp(visit: Visit) -> None:
    """One delivery of Meta's, signed if the app's secret is known."""
    world = visit.world
    number = next(world.number)
    message = {
        "id": f"wamid.load-{world.run}-{number}",
        "from": "33600000000",
        "type": "text",
        "text": {"body": "load"},
    }
    body = json.dumps({"entry": [{"changes": [{"value": {"messages": [message]}}]}]}).encode()
    headers = {"Content-Type": "application/json"}
    secret = world.accounts.whatsapp_secret
    if secret:
        signed = hmac.new(secret.encode(), body, "sha256").hexdigest()
        headers["X-Hub-Signature-256"] = f"sha256={signed}"
    world.recorder.created["messages"] += 1
    visit.ask(
        "whatsapp", "POST", world.paths["whatsapp"], data=body, headers=headers, shows=b'"received":1'
    )


@call()
def rest(visit: Visit) -> None:
    """PostgREST, as the browser asks it; `[]` is what a policy that hides all answers."""
    world = visit.world
    visit.ask(
        "rest", "GET", world.rest + world.paths["rest"], shows=b'"id"', headers=world.accounts.headers()
    )


@call()
def inbox(visit: Visit) -> None:
    """A host's inbox; it may be empty, but it is a list."""
    world = visit.world
    visit.ask("inbox", "GET", world.rest + world.paths["inbox"], shows=b"[", headers=world.accounts.host())


JOURNEYS: dict[str, tuple[str, ...]] = {
    "browse": ("home", "properties"),
    "search": ("properties", "bookings", "bookings"),
    "book": ("home", "properties", "bookings", "book"),
    "inbox": ("inbox", "inbox"),
    "whatsapp": ("whatsapp",) * 5,
    "rest": ("rest", "rest"),
}
AT_ONCE = {"whatsapp"}  # a burst: without a thought in between


class Mix:
    """Chooses journeys (closed model) or calls (open model) by weight; not those that may not write."""

    def __init__(self, weights: dict[str, int], *, writes: bool) -> None:
        unknown = sorted(set(weights) - set(JOURNEYS))
        if unknown:
            raise ValueError(f"no journey is called {', '.join(unknown)}")
        wanted = {name: weight for name, weight in weights.items() if weight}
        self.left_out = sorted({each for name in wanted for each in JOURNEYS[name] if each in WRITES})
        if writes:
            self.left_out = []
        kept = {
            name: weight for name, weight in wanted.items() if not set(JOURNEYS[name]) & set(self.left_out)
        }
        if not kept:
            raise ValueError("no journey is left to play")
        self._names, self._weights = list(kept), list(kept.values())
        flat = [(each, weight) for name, weight in kept.items() for each in JOURNEYS[name]]
        self._calls, self._call_weights = [each for each, _ in flat], [weight for _, weight in flat]

    def journey(self) -> tuple[str, tuple[str, ...]]:
        """A journey and its calls."""
        name = random.choices(self._names, self._weights)[0]  # noqa: S311 - dice, no secret
        return name, JOURNEYS[name]

    def call(self) -> Call:
        """One call."""
        return CALLS[random.choices(self._calls, self._call_weights)[0]]  # noqa: S311
