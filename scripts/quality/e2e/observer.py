"""A pytest plugin beside the journeys: what each test asked and checked, as properties in its JUnit report.

The child loads a copy of this file, so it imports nothing of the desk. A test that asks nothing, or checks
nothing after it asked, passes whatever is served; `observed.py` draws the conclusions.
"""

from __future__ import annotations

import ast
import functools
import http.client
import importlib.util
import inspect
import json
import os
import sys
import unittest
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

OMITTED = "omitted.json"  # this and the prefix are as in `observed.py`
PREFIX = "desk-"  # of the properties
MOST = 50  # names that are written
PATTERNS = ("test_*.py", "*_test.py")
PORTS = {"https": 443, "http": 80}
VERBS = ("fetch", "get", "post", "put", "patch", "delete", "head")
Address = tuple[str, int]


def address(url: str) -> Address:
    """Host and port."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)


@functools.cache
def is_vacuous(assertion: str) -> bool:
    """Whether it holds whatever was answered: constants alone, or a tuple, which is always true."""
    try:
        body = ast.parse(assertion.strip(), mode="eval").body
    except SyntaxError:
        return False
    if isinstance(body, ast.Tuple):
        return bool(body.elts)
    return not any(isinstance(node, ast.Name | ast.Call) for node in ast.walk(body))


class Observer:
    """Counts the requests to the environment, and the checks after them, of the test that runs."""

    def __init__(self, addresses: frozenset[Address], folder: Path, suite: str) -> None:
        self.addresses, self.folder, self.suite = addresses, folder, suite
        self.asked = self.checked = 0
        self.broad: set[str] = set()  # fixtures of a wider scope that asked
        self.failures: dict[str, int] = {}
        self.collected: list[pytest.Item] = []
        self.ran: set[str] = set()

    def ask(self, where: Address, number: int = 1) -> None:
        """Count a request, if it went to the environment."""
        self.asked += number * (where in self.addresses)

    def check(self) -> None:
        """Count a check. One before the first request says nothing about what is served."""
        self.checked += self.asked > 0

    def pytest_assertion_pass(self, orig: str) -> None:
        """Count an assertion that held."""
        if not is_vacuous(orig):
            self.check()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Begin anew; a second try of a test, too."""
        self.ran.add(item.nodeid)
        self.checked, self.asked = 0, len(self.broad.intersection(getattr(item, "fixturenames", ())))

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, object, object]:
        """What a fixture of a wider scope asked counts for each test that names it."""
        before = self.asked
        value = yield
        wide = fixturedef.scope != "function" and not getattr(fixturedef, "_autouse", False)
        if wide and self.asked > before:
            self.broad.add(fixturedef.argname)
        return value

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Note tries that failed and unexpected passes; hand everything to the JUnit report at the end."""
        if call.when == "teardown":
            noted = {
                "asked": self.asked,
                "checked": self.checked,
                "failures": self.failures.get(item.nodeid, 0),
            }
            item.user_properties += [(PREFIX + name, str(number)) for name, number in noted.items()]
        report = yield
        if report.failed:
            self.failures[item.nodeid] = self.failures.get(item.nodeid, 0) + 1
        if report.when == "call" and report.passed and hasattr(report, "wasxfail"):
            item.user_properties.append((f"{PREFIX}xpass", "1"))
        return report

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Keep it, whatever a hook of the tests removes later."""
        self.collected.append(item)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write which tests of the suite were not run."""
        worker = getattr(session.config, "workerinput", None)  # of pytest-xdist: each runs a part
        if worker and worker["workerid"] != "gw0":
            return
        ran = {item.nodeid for item in session.items} if worker else self.ran
        smoke = self.suite == "smoke"
        of_suite = [item for item in self.collected if not smoke or item.get_closest_marker("smoke")]
        left = [item.nodeid for item in of_suite if item.nodeid not in ran]
        root = session.config.rootpath
        seen = {item.path for item in self.collected}
        files = (file for pattern in PATTERNS for file in sorted(root.rglob(pattern)))
        left += [
            str(file.relative_to(root)) for file in files if file not in seen and "def test" in _text(file)
        ]
        (self.folder / OMITTED).write_text(json.dumps(left[:MOST]), encoding="utf-8")


def _text(file: Path) -> str:
    return file.read_text("utf-8", "replace") if file.is_file() else ""


def pytest_configure(config: pytest.Config) -> None:
    """Begin to observe. What the tests' helpers assert is counted, too."""
    config.addinivalue_line("markers", "smoke: only reads, so it may run where customers are")
    pytest.register_assert_rewrite(
        *(each.stem for each in config.rootpath.iterdir() if each.suffix == ".py" or each.is_dir())
    )
    addresses = frozenset(map(address, json.loads(os.environ["E2E_OWN"])))
    observer = Observer(addresses, Path(os.environ["E2E_ARTEFACTS"]), os.environ["E2E_SUITE"])
    config.pluginmanager.register(observer, "release-desk-observer")
    _watch_python(observer)
    if importlib.util.find_spec("playwright"):
        from playwright import async_api, sync_api

        for api in (sync_api, async_api):
            _watch_playwright(observer, api)


def _watch_python(observer: Observer) -> None:
    """Requests by `http.client`, and so by requests and urllib3; any other client by its connections."""

    def put(connection: http.client.HTTPConnection, *_: object) -> None:
        observer.ask((connection.host, connection.port))

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.getaddrinfo":
            observer.ask((str(arguments[0]), arguments[1] if isinstance(arguments[1], int) else 0))
        elif event == "socket.connect" and isinstance(arguments[1], tuple):
            observer.ask(arguments[1][:2])

    _after(http.client.HTTPConnection, "putrequest", put)
    sys.addaudithook(audit)
    for name in [name for name in dir(unittest.TestCase) if name.startswith("assert")]:
        _after(unittest.TestCase, name, lambda *_: observer.check())
    _after(pytest.RaisesExc, "__exit__", lambda _, held: observer.check() if held else None)


def _watch_playwright(observer: Observer, api: Any) -> None:
    """Requests of each browser context and API context, and what `expect` found."""

    def watch(_: object, opened: Any) -> None:
        context = getattr(opened, "context", opened)
        context.on("request", lambda request: observer.ask(address(request.url)))

    def answered(_: object, response: Any) -> None:
        observer.ask(address(response.url))

    def mocked(route: Any, _: object) -> None:
        observer.ask(address(route.request.url), -1)

    for owner, method in ((api.Browser, "new_context"), (api.Browser, "new_page")):
        _after(owner, method, watch)
    _after(api.BrowserType, "launch_persistent_context", watch)
    for verb in VERBS:
        _after(api.APIRequestContext, verb, answered)
    _after(api.Route, "fulfill", mocked, unless="response")  # with it, the answer is a real one
    expectations = ("LocatorAssertions", "PageAssertions", "APIResponseAssertions")
    for expectation in (getattr(api, name) for name in expectations):
        for name in [name for name in dir(expectation) if name.startswith(("to_", "not_to_"))]:
            _after(expectation, name, lambda *_: observer.check())


def _after(owner: type, name: str, then: Callable[[Any, Any], object], *, unless: str = "") -> None:
    """Call `then` with the object and the result each time that its method has returned."""
    method = getattr(owner, name)
    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        async def call(self: Any, *given: Any, **named: Any) -> Any:
            result = await method(self, *given, **named)
            if named.get(unless) is None:
                then(self, result)
            return result
    else:

        @functools.wraps(method)
        def call(self: Any, *given: Any, **named: Any) -> Any:
            result = method(self, *given, **named)
            if named.get(unless) is None:
                then(self, result)
            return result

    setattr(owner, name, call)
