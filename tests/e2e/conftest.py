"""Fixtures of the browser tests, shipped or an app's own: target, API client, a page with a trace."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Frame, Page, Route

MAX_BODY = 500  # characters of a response that are kept
MAX_TOLD = 5  # problems of a page
TIMEOUT = 6_000  # ms for an element to appear
SETTLED = 100  # ms in which a page that is ready may still go elsewhere
MAX_VISITS = 3  # pages that the address may lead over
# the browser makes no requests of its own
FLAGS = (
    "--no-sandbox --no-first-run --disable-background-networking --disable-component-update"
    " --disable-sync --disable-quic"
).split()
FAILED = pytest.StashKey[bool]()


@dataclass(frozen=True)
class Target:
    """The environment under test, as `invoke test-e2e` describes it."""

    url: str
    commit: str
    environment: str
    version_path: str
    supabase_url: str
    anon_key: str
    foreign: tuple[str, ...]
    access: dict[str, str] = field(default_factory=dict, repr=False)
    run: str = ""

    @property
    def mark(self) -> str:
        """For what a test writes: new each time, and found by the run's id."""
        return f"e2e-{self.run}-{secrets.token_hex(6)}"

    def is_own(self, url: str) -> bool:
        """Whether it is an address of the app itself, which may be private."""
        return urlsplit(url)[:2] == urlsplit(self.url)[:2]

    @property
    def rest(self) -> str:
        """The URL of PostgREST's tables."""
        return f"{self.supabase_url}/rest/v1"


@pytest.fixture(scope="session")
def target() -> Target:
    """The target. A missing variable fails the tests; it never skips them."""
    return Target(
        url=os.environ["E2E_URL"].rstrip("/"),
        commit=os.environ["E2E_COMMIT"],
        environment=os.environ["E2E_ENVIRONMENT"],
        version_path=os.environ["E2E_VERSION_PATH"],
        supabase_url=os.environ.get("VITE_SUPABASE_URL", "").rstrip("/"),  # an app may name it otherwise
        anon_key=os.environ.get("VITE_SUPABASE_ANON_KEY", ""),
        foreign=tuple(json.loads(os.environ["E2E_FOREIGN"])),
        access=json.loads(os.environ.get("E2E_ACCESS") or "{}"),
        run=os.environ.get("E2E_RUN", ""),
    )


class Api(requests.Session):
    """A client with a short timeout that follows no redirects and logs its requests and responses."""

    def __init__(self, target: Target) -> None:
        super().__init__()
        self.target = target
        self.trust_env = False  # no proxies, no netrc
        self.log: list[str] = []

    def ask(self, method: str, url: str, **options: object) -> requests.Response:
        """Make one request; the app's own host gets the access token of a private app."""
        if self.target.is_own(url):
            options["headers"] = {**self.target.access, **(options.get("headers") or {})}  # type: ignore[dict-item]
        response = self.request(method, url, timeout=10, allow_redirects=False, **options)  # type: ignore[arg-type]
        self.log.append(
            f"{method} {response.url}\nHTTP {response.status_code}\n{response.text[:MAX_BODY]}\n"
        )
        return response


@pytest.fixture
def api(request: pytest.FixtureRequest, target: Target) -> Iterator[Api]:
    """An API client. If the test fails, its log is kept."""
    with Api(target) as session:
        yield session
    if request.node.stash.get(FAILED, False):
        artefacts(request).joinpath("requests.txt").write_text("\n".join(session.log), encoding="utf-8")


def artefacts(request: pytest.FixtureRequest) -> Path:
    """The folder for what a failed test leaves; a parameter may hold a path."""
    folder = Path(os.environ["E2E_ARTEFACTS"]) / str(request.node.name).replace("/", "-")
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests; each has a context of its own."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=TIMEOUT)
    with sync_playwright() as driver:
        started = driver.chromium.launch(
            executable_path=os.environ.get("E2E_BROWSER") or None,
            headless=not os.environ.get("E2E_HEADED"),
            args=FLAGS,
        )
        yield started
        started.close()


@dataclass
class Traffic:
    """The requests and problems of the browser during a test."""

    requests: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    exceptions: list[str] = field(default_factory=list)  # of the page's scripts; problems, too
    visits: int = 0  # of pages

    def go(self, frame: Frame) -> None:
        """Count a page, not what is framed in it."""
        self.visits += frame.parent_frame is None

    def hear(self, line: ConsoleMessage) -> None:
        """Note an error of the console, with the address that it is about."""
        if line.type == "error":
            about = line.location.get("url", "")
            self.problems.append(line.text if about in line.text else f"{line.text} ({about})")

    @property
    def told(self) -> str:
        """The first problems, for the message of a test that failed."""
        return "; ".join(dict.fromkeys(self.problems[:MAX_TOLD])) or "no error in the console"

    def foreign(self, target: Target) -> list[str]:
        """Requests to another environment, or to another environment's Supabase instance."""
        return [
            url
            for url in self.requests
            if url.startswith(target.foreign)
            or (_is_supabase(url) and not url.startswith(f"{target.supabase_url}/"))
        ]


def _is_supabase(url: str) -> bool:
    parts = urlsplit(url)
    return parts.path.startswith(("/rest/v1/", "/auth/v1/", "/storage/v1/", "/functions/v1/")) or (
        (parts.hostname or "").endswith((".supabase.co", ".supabase.in"))
    )


@pytest.fixture
def traffic() -> Traffic:
    """Filled by `page`."""
    return Traffic()


@pytest.fixture
def page(
    browser: Browser, traffic: Traffic, target: Target, request: pytest.FixtureRequest
) -> Iterator[Page]:
    """A fresh page. If the test fails, its trace and a screenshot are kept."""
    context = browser.new_context(service_workers="block")
    context.set_default_timeout(TIMEOUT)
    context.tracing.start(screenshots=True, snapshots=True)
    if target.access:
        context.route(lambda url: target.is_own(url), lambda route: _enter(route, target.access))  # noqa: PLW0108
        if (
            urlsplit(target.url).hostname == "127.0.0.1"
        ):  # such an answer has no address: it counts as foreign
            context.grant_permissions(["local-network-access"])
    page = context.new_page()
    page.on("request", lambda sent: traffic.requests.append(sent.url))
    page.on("framenavigated", traffic.go)
    page.on("console", traffic.hear)
    page.on("pageerror", lambda fault: traffic.exceptions.append(str(fault)))
    page.on("pageerror", lambda fault: traffic.problems.append(str(fault)))
    page.on("requestfailed", lambda sent: traffic.problems.append(f"{sent.url}: {sent.failure}"))
    yield page
    if request.node.stash.get(FAILED, False):
        folder = artefacts(request)
        page.screenshot(path=folder / "screenshot.png", full_page=True)
        context.tracing.stop(path=folder / "trace.zip")
    else:
        context.tracing.stop()
    context.close()


@pytest.fixture
def home(page: Page, target: Target, traffic: Traffic) -> Page:
    """The front page, opened, with nothing on it that is still loading (`aria-busy`)."""
    from playwright.sync_api import Error, expect

    try:
        page.goto(target.url + "/")
        expect(page.locator("[aria-busy=true]")).to_have_count(0)
        page.wait_for_timeout(SETTLED)
    except (AssertionError, Error) as fault:
        first = str(fault).splitlines()[0]
        seconds = TIMEOUT / 1000
        went = "" if page.url == f"{target.url}/" else f", and went to {page.url}"
        said = f"the front page is not ready after {seconds:g} s{went}: {traffic.told} ({first})"
        pytest.fail(said, pytrace=False)
    if traffic.visits > MAX_VISITS:
        pytest.fail(f"the front page loads again and again: now {page.url}", pytrace=False)
    return page


def _enter(route: Route, access: dict[str, str]) -> None:
    """Send a request with the access token. Its redirects go back to the browser, which asks anew."""
    headers = {**route.request.headers, **access}
    route.fulfill(response=route.fetch(headers=headers, max_redirects=0))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Tell the fixtures whether the test failed."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    if report.failed:
        item.stash[FAILED] = True
    return report  # type: ignore[return-value]
