"""What every journey gets: where it goes, a session for the API, a page that leaves a trace."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SHOWN = 500  # characters of an answer that are kept
PATIENCE = 6_000  # ms that an element may take
# nothing but the journey's own requests leaves the browser
FLAGS = (
    "--no-sandbox --no-first-run --disable-background-networking --disable-component-update"
    " --disable-sync --disable-quic"
).split()
FAILED = pytest.StashKey[bool]()


@dataclass(frozen=True)
class Target:
    """The environment that is tried, as `invoke test-e2e` names it."""

    url: str
    commit: str
    environment: str
    version_path: str
    supabase_url: str
    anon_key: str
    foreign: tuple[str, ...]

    @property
    def rest(self) -> str:
        """PostgREST's tables."""
        return f"{self.supabase_url}/rest/v1"


@pytest.fixture(scope="session")
def target() -> Target:
    """Where the journeys go; a variable that is missing fails them, it never skips them."""
    return Target(
        url=os.environ["E2E_URL"].rstrip("/"),
        commit=os.environ["E2E_COMMIT"],
        environment=os.environ["E2E_ENVIRONMENT"],
        version_path=os.environ["E2E_VERSION_PATH"],
        supabase_url=os.environ["VITE_SUPABASE_URL"].rstrip("/"),
        anon_key=os.environ["VITE_SUPABASE_ANON_KEY"],
        foreign=tuple(json.loads(os.environ["E2E_FOREIGN"])),
    )


class Api(requests.Session):
    """A client without patience, and without a way to another host; it remembers what was said."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False  # proxies and netrc of the machine are left out
        self.said: list[str] = []

    def ask(self, method: str, url: str, **options: object) -> requests.Response:
        """One request."""
        answer = self.request(method, url, timeout=10, allow_redirects=False, **options)  # type: ignore[arg-type]
        self.said.append(f"{method} {answer.url}\nHTTP {answer.status_code}\n{answer.text[:SHOWN]}\n")
        return answer


@pytest.fixture
def api(request: pytest.FixtureRequest) -> Iterator[Api]:
    """For what needs no browser; when the journey fails, its requests and answers are kept."""
    with Api() as session:
        yield session
    if request.node.stash.get(FAILED, False):
        kept(request).joinpath("requests.txt").write_text("\n".join(session.said), encoding="utf-8")


def kept(request: pytest.FixtureRequest) -> Path:
    """The folder for what a failed journey leaves."""
    place = Path(os.environ["E2E_ARTEFACTS"]) / str(request.node.name)
    place.mkdir(exist_ok=True)
    return place


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all journeys; each gets a context of its own."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as driver:
        started = driver.chromium.launch(
            executable_path=os.environ.get("E2E_BROWSER") or None,
            headless=not os.environ.get("E2E_HEADED"),
            args=FLAGS,
        )
        yield started
        started.close()


@dataclass
class Seen:
    """What the browser did and said during a journey."""

    requests: list[str]
    problems: list[str]

    def foreign(self, target: Target) -> list[str]:
        """Requests to another environment, or to a Supabase instance that is not this one's."""
        return [
            each
            for each in self.requests
            if each.startswith(target.foreign)
            or (_is_supabase(each) and not each.startswith(f"{target.supabase_url}/"))
        ]


def _is_supabase(url: str) -> bool:
    parts = urlsplit(url)
    return parts.path.startswith(("/rest/v1/", "/auth/v1/", "/storage/v1/", "/functions/v1/")) or (
        (parts.hostname or "").endswith((".supabase.co", ".supabase.in"))
    )


@pytest.fixture
def seen() -> Seen:
    """Filled by `page`."""
    return Seen([], [])


@pytest.fixture
def page(browser: Browser, seen: Seen, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A fresh page; when the journey fails, its trace and a picture are kept."""
    context = browser.new_context(service_workers="block")
    context.set_default_timeout(PATIENCE)
    context.tracing.start(screenshots=True, snapshots=True)
    page = context.new_page()
    page.on("request", lambda asked: seen.requests.append(asked.url))
    page.on("console", lambda said: seen.problems.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda fault: seen.problems.append(str(fault)))
    page.on("requestfailed", lambda asked: seen.problems.append(f"{asked.url}: {asked.failure}"))
    yield page
    if request.node.stash.get(FAILED, False):
        place = kept(request)
        page.screenshot(path=place / "screenshot.png", full_page=True)
        context.tracing.stop(path=place / "trace.zip")
    else:
        context.tracing.stop()
    context.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Remember for the fixtures' end whether the journey failed."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    if report.failed:
        item.stash[FAILED] = True
    return report  # type: ignore[return-value]
