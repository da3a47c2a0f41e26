"""What users do: calls of one request each, and journeys, which are sequences of calls.

To add your own: write a call (a function with `@call`), name it in a journey, and give that journey a
weight in `[load.mix]`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import random
import re
import time
from bisect import bisect
from collections.abc import Callable
from datetime import date, timedelta
from itertools import accumulate, count
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from client import NoAnswer

if TYPE_CHECKING:
    from accounts import Accounts
    from client import Client
    from recorder import Recorder

FIRST_NIGHT = date(2050, 1, 1)  # no guest books that far ahead
NIGHTS = 18_000
HEAD = 4096  # bytes of an answer in which it may call itself a fault
# `{"error": "..."}` and its like, as PostgREST and GraphQL have them; a page with the title of an error
FAULTS = (
    re.compile(
        rb'\s*\{\s*(?:"data"\s*:\s*null\s*,\s*)?(?:"(errors?|fault|exception)"\s*:\s*+(?!null|\[\s*\]|false|"")'
        rb'|"(success|ok)"\s*:\s*false|"(status)"\s*:\s*"(?:error|fail)|"(code)"\s*:\s*"[^"]*"\s*,\s*"'
        rb'(?:message|details|hint)")'
    ),
    re.compile(
        rb"<title[^>]*>[^<]{0,80}?\b(error|not found|unavailable|bad gateway|something went wrong"
        rb"|(?:under|for|scheduled) maintenance|maintenance mode|forbidden"
        rb"|access denied|just a moment|time-?out|run this app)\b",
        re.IGNORECASE,
    ),
)
JSON = re.compile(rb"\s*[\[{]")  # how an answer begins that is data; a page does not
ACCESS: dict[str, str] = json.loads(os.environ.get("LOAD_ACCESS") or "{}")


class Visit:
    """One user on a journey (closed model), or one arrival (open model).

    Args:
        client: its connections; it follows no redirects.
        intended: when the next request is due (`time.perf_counter`); 0: now.
    """

    def __init__(self, client: Client, shared: Shared, intended: float = 0.0) -> None:
        self.client, self.shared, self.intended = client, shared, intended

    def request(
        self,
        name: str,
        method: str,
        url: str,
        *,
        status: int = 200,
        contains: bytes = b"",
        answers_json: bool = False,
        **more: Any,
    ) -> Any:
        """Make one request. Returns the response, or None if it has not that status or those bytes.

        A path is of the app itself, which may be private: it gets the access token, no other host does.
        """
        if ACCESS and url.startswith("/"):
            more["headers"] = {**ACCESS, **(more.get("headers") or {})}
        intended, self.intended = self.intended or time.perf_counter(), 0.0
        token = self.shared.recorder.opened(name, intended)
        answer, problem = None, None
        try:
            answer = self.client.request(method, url, **more)
            problem = _problem(answer, status, contains, answers_json=answers_json)
        except NoAnswer as fault:
            problem = f"no answer ({fault})"
        finally:
            self.shared.recorder.closed(token)
        self.client.report(method, name, intended, answer, problem and Failed(problem))
        return None if problem else answer


class Failed(Exception):
    """A request that was not answered as it should be."""


def _problem(response: Any, wanted: int, contains: bytes, *, answers_json: bool) -> str | None:
    status = response.status_code
    if status == wanted:
        content = response.content
        if contains and contains not in content:
            return f"{status}, but without `{contains.decode()}`"
        document, page = FAULTS
        fault = document.match(content, 0, HEAD) or page.search(content, 0, HEAD)
        if fault:
            said = next(filter(None, fault.groups())).decode("ascii", "replace")
            return f"{status}, but it says `{said}`"
        return f"{status}, but it is no JSON" if answers_json and not JSON.match(content) else None
    if 300 <= status < 400:
        target = urlsplit(response.headers.get("location", "")).netloc
        return f"{status}: redirected to {target or 'another page'}, which is not followed"
    return f"answered {status}"


class Shared:
    """What all visits of one process share: the plan, the recorder, the accounts."""

    def __init__(self, plan: dict[str, Any], recorder: Recorder, accounts: Accounts, index: int) -> None:
        self.plan, self.recorder, self.accounts = plan, recorder, accounts
        self.paths: dict[str, str] = plan["paths"]
        self.rest: str = plan["rest"]
        self.numbers = count(index, max(1, plan["workers"]))  # no two processes book the same night
        self.properties: list[str] = []

    @property
    def run(self) -> str:
        """The id in everything that is written."""
        return str(self.plan["run"])


Call = Callable[[Visit], Any]
CALLS: dict[str, Call] = {}
WRITES: set[str] = set()


def call(*, writes: bool = False) -> Callable[[Call], Call]:
    """Register a function as a call under its own name; `writes`: it creates rows."""

    def register(function: Call) -> Call:
        CALLS[function.__name__] = function
        if writes:
            WRITES.add(function.__name__)
        return function

    return register


@call()
def home(visit: Visit) -> None:
    """The front page; an empty one is a failure."""
    visit.request("home", "GET", visit.shared.paths["home"], contains=b"<")


@call()
def properties(visit: Visit) -> None:
    """What can be booked; an empty list is a failure."""
    response = visit.request(
        "properties", "GET", visit.shared.paths["properties"], contains=b'"id"', answers_json=True
    )
    if response is not None and not visit.shared.properties:
        document = json.loads(response.content)
        rows = document if isinstance(document, list) else next(iter(document.values()))
        visit.shared.properties = [row["id"] for row in rows]


@call()
def bookings(visit: Visit) -> None:
    """Which nights are booked."""
    visit.request("bookings", "GET", visit.shared.paths["bookings"], answers_json=True)


@call(writes=True)
def book(visit: Visit) -> None:
    """One night that no other process or run books, marked with the run's id."""
    shared = visit.shared
    if not shared.properties:
        properties(visit)
        if not shared.properties:
            return
    number = next(shared.numbers)
    offset = int(hashlib.sha256(shared.run.encode()).hexdigest(), 16)
    property_id = shared.properties[number % len(shared.properties)]
    night = FIRST_NIGHT + timedelta(days=(offset + number // len(shared.properties)) % NIGHTS)
    body = {
        "property_id": property_id,
        "guest_name": f"load test {shared.run}",
        "guest_email": f"load-{shared.run}-{number}@example.invalid",
        "check_in": night.isoformat(),
        "check_out": (night + timedelta(days=1)).isoformat(),
    }
    made = visit.request("book", "POST", shared.paths["book"], status=201, contains=b'"booking"', json=body)
    shared.recorder.created["bookings"] += made is not None


@call(writes=True)
def whatsapp(visit: Visit) -> None:
    """One message delivered as Meta does, signed if `WHATSAPP_APP_SECRET` is set."""
    shared = visit.shared
    number = next(shared.numbers)
    message = {
        "id": f"wamid.load-{shared.run}-{number}",
        "from": "33600000000",
        "type": "text",
        "text": {"body": "load"},
    }
    body = json.dumps({"entry": [{"changes": [{"value": {"messages": [message]}}]}]}).encode()
    headers = {"Content-Type": "application/json"}
    secret = shared.accounts.whatsapp_secret
    if secret:
        signature = hmac.new(secret.encode(), body, "sha256").hexdigest()
        headers["X-Hub-Signature-256"] = f"sha256={signature}"
    made = visit.request(
        "whatsapp", "POST", shared.paths["whatsapp"], data=body, headers=headers, contains=b'"received":1'
    )
    shared.recorder.created["messages"] += made is not None


@call()
def rest(visit: Visit) -> None:
    """PostgREST, as the browser uses it. An empty list is a failure: a policy hides everything."""
    shared = visit.shared
    visit.request(
        "rest",
        "GET",
        shared.rest + shared.paths["rest"],
        contains=b'"id"',
        headers=shared.accounts.visitor_headers(),
    )


@call()
def inbox(visit: Visit) -> None:
    """A host's inbox, which may be empty."""
    shared = visit.shared
    visit.request(
        "inbox",
        "GET",
        shared.rest + shared.paths["inbox"],
        answers_json=True,
        headers=shared.accounts.host_headers(),
    )


JOURNEYS: dict[str, tuple[str, ...]] = {
    "visit": ("home",),
    "browse": ("home", "properties"),
    "search": ("properties", "bookings", "bookings"),
    "book": ("home", "properties", "bookings", "book"),
    "inbox": ("inbox", "inbox"),
    "whatsapp": ("whatsapp",) * 5,
    "rest": ("rest", "rest"),
}
BURSTS = {"whatsapp"}  # played without think time


class Mix:
    """Chooses journeys (closed model) or calls (open model) by weight. Leaves out writes if not allowed."""

    def __init__(self, weights: dict[str, int], *, writes: bool) -> None:
        unknown = sorted(set(weights) - set(JOURNEYS))
        if unknown:
            raise ValueError(f"no journey is called {', '.join(unknown)}")
        wanted = {name: weight for name, weight in weights.items() if weight}
        forbidden = set() if writes else WRITES
        self.left_out = sorted({call for name in wanted for call in JOURNEYS[name]} & forbidden)
        played = {name: weight for name, weight in wanted.items() if not set(JOURNEYS[name]) & forbidden}
        if not played:
            raise ValueError("no journey is left to play")
        self._names, self._weights = list(played), list(played.values())
        weighted = [(call, weight) for name, weight in played.items() for call in JOURNEYS[name]]
        self._calls = [CALLS[name] for name, _ in weighted]
        self._edges = list(accumulate(weight for _, weight in weighted))

    def journey(self) -> tuple[str, tuple[str, ...]]:
        """A random journey and its calls."""
        name = random.choices(self._names, self._weights)[0]  # noqa: S311 - not for secrets
        return name, JOURNEYS[name]

    def call(self) -> Call:
        """A random call."""
        return self._calls[bisect(self._edges, random.random() * self._edges[-1])]  # noqa: S311
