"""A pytest plugin beside the journeys: what each test asked and checked, as properties in its JUnit report.

The child loads a copy of this file, so it imports nothing of the desk. A test that asks nothing, or checks
nothing after it asked, passes whatever is served; `observed.py` draws the conclusions.
"""

from __future__ import annotations

import ast
import builtins
import functools
import http.client
import importlib.util
import inspect
import json
import os
import sys
import textwrap
import types
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
BUILTINS = frozenset(dir(builtins))
VERBS = ("fetch", "get", "post", "put", "patch", "delete", "head")
Address = tuple[str, int]


def address(url: str) -> Address:
    """Host and port."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)


@functools.cache
def is_vacuous(assertion: str, constant: frozenset[str] = frozenset()) -> bool:
    """Whether it holds whatever was answered.

    Args:
        constant: names that stand for constants.
    """
    try:
        return _holds(ast.parse(assertion.strip(), mode="eval").body, constant)
    except SyntaxError:
        return False


def _holds(node: ast.expr, constant: frozenset[str]) -> bool:
    names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    always = names <= constant | BUILTINS
    match node:
        case ast.Tuple(elts) | ast.List(elts) | ast.Set(elts):
            always |= bool(elts)
        case (
            ast.Lambda()
            | ast.GeneratorExp()
            | ast.Compare(ast.Call(ast.Name("len")), [ast.GtE()], [ast.Constant(0)])
        ):
            always = True
        case ast.BoolOp(ast.Or(), values):
            always |= any(_holds(each, constant) for each in values)
        case ast.BoolOp(ast.And(), values):
            always = all(_holds(each, constant) for each in values)
        case ast.Compare(left, [ast.Eq() | ast.Is() | ast.LtE() | ast.GtE()], [right]):
            calls = any(isinstance(each, ast.Call) for each in ast.walk(node))
            always |= ast.dump(left) == ast.dump(right) and not calls
    return always


@functools.cache
def constants_of(code: types.CodeType) -> frozenset[str]:
    """The local names of a function that are given constants alone."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(code)))
    except (OSError, SyntaxError, TypeError):
        return frozenset()
    given: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AnnAssign) and node.value else targets
        for target in targets:
            if isinstance(target, ast.Name):
                given.setdefault(target.id, []).append(node.value)  # type: ignore[attr-defined]
    stored = [
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
    found: frozenset[str] = frozenset()
    for _ in given:  # one may be made of another
        found |= {
            name
            for name, values in given.items()
            if stored.count(name) == len(values) and all(_is_constant(each, found) for each in values)
        }
    return found - set(code.co_varnames[: code.co_argcount])


def _is_constant(node: ast.expr, constant: frozenset[str]) -> bool:
    names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    return names <= constant and not any(isinstance(each, ast.Call) for each in ast.walk(node))


def constants_here() -> frozenset[str]:
    """The names of constants where the assertion stands that has just held."""
    frame: types.FrameType | None = inspect.currentframe()
    while frame and (frame.f_globals is globals() or "@pytest_ar" not in frame.f_globals):
        frame = frame.f_back
    if frame is None:
        return frozenset()
    names = frame.f_globals.items()
    plain = {name for name, value in names if isinstance(value, bool | int | float | None)}
    hidden = {name for name in frame.f_locals if not name.startswith("@")}
    return (frozenset(plain) - hidden) | constants_of(frame.f_code)


class Observer:
    """Counts the requests to the environment, and the checks after them, of the test that runs."""

    def __init__(self, addresses: frozenset[Address], folder: Path, suite: str) -> None:
        self.addresses, self.folder, self.suite = addresses, folder, suite
        self.asked = self.checked = 0
        self.replayed = False  # a recording answers the browser
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
        if not is_vacuous(orig, constants_here()):
            self.check()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Begin anew; a second try of a test, too."""
        self.ran.add(item.nodeid)
        self.replayed = False
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
        known = {(item.path, getattr(item, "originalname", item.name)) for item in self.collected}
        for file in sorted(seen):
            left += [f"{file.name}::{name}" for name in tests_in(_text(file)) if (file, name) not in known]
        (self.folder / OMITTED).write_text(json.dumps(left[:MOST]), encoding="utf-8")


def tests_in(text: str) -> list[str]:
    """The functions of a file that pytest takes for tests, unless it is told otherwise."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return []
    classes = [
        node for node in tree.body if isinstance(node, ast.ClassDef) and node.name.startswith("Test")
    ]
    bodies = [tree.body, *(node.body for node in classes)]
    return [
        node.name
        for body in bodies
        for node in body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")
    ]


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
            _watch_mocks(observer, api)


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
    _check_after(observer, unittest.TestCase, ("assert",))
    _after(pytest.RaisesExc, "__exit__", lambda _, held: observer.check() if held else None)


def _watch_playwright(observer: Observer, api: Any) -> None:
    """Requests of each browser context and API context, and what `expect` found."""

    def watch(_: object, opened: Any) -> None:
        context = getattr(opened, "context", opened)
        context.on("request", lambda request: observer.ask(address(request.url), not observer.replayed))

    def answered(_: object, response: Any) -> None:
        observer.ask(address(response.url))

    openers = (api.Browser, "new_context"), (api.Browser, "new_page")
    for owner, method in (*openers, (api.BrowserType, "launch_persistent_context")):
        _after(owner, method, watch)
    for verb in VERBS:
        _after(api.APIRequestContext, verb, answered)
    for expectation in (api.LocatorAssertions, api.PageAssertions, api.APIResponseAssertions):
        _check_after(observer, expectation, ("to_", "not_to_"))


def _watch_mocks(observer: Observer, api: Any) -> None:
    """Answers that the environment did not give."""

    def mocked(route: Any, _: object) -> None:
        observer.ask(address(route.request.url), -1)

    def replayed(*_: object) -> None:
        observer.replayed = True

    _after(api.Route, "fulfill", mocked, unless="response")  # with it, the answer is a real one
    for owner in (api.BrowserContext, api.Page):
        _after(owner, "route_from_har", replayed, unless="update")


def _check_after(observer: Observer, owner: type, prefixes: tuple[str, ...]) -> None:
    for name in [name for name in dir(owner) if name.startswith(prefixes)]:
        _after(owner, name, lambda *_: observer.check())


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
