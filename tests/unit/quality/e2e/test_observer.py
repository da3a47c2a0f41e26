"""The observer in a real pytest: what it sees of each kind of test that passes and says nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from scripts.quality.e2e import pytest_run
from scripts.quality.e2e.observed import omitted, weigh
from scripts.quality.e2e.observer import is_vacuous
from scripts.quality.junit import read_junit
from scripts.system.process import attempt

TESTS = """
import os, unittest, urllib.request, pytest
import pages
URL = os.environ["E2E_URL"]
tries = []

@pytest.fixture(scope="module")
def home():
    return pages.get(URL)

def test_good(): assert pages.get(URL) == 200
def test_helper(): pages.works(URL)
def test_fixture(home): assert home == 200
def test_raises():
    with pytest.raises(OSError): pages.get(URL + "/missing")
class TestCase(unittest.TestCase):
    def test_unittest(self): self.assertEqual(200, pages.get(URL))
def test_constant(): assert True
def test_nothing_asked(): assert len(URL)
def test_other_host(): assert pages.get(os.environ["OTHER"]) == 200
def test_nothing_checked(): pages.get(URL)
def test_checked_before():
    assert URL
    pages.get(URL)
def test_tuple(): assert (pages.get(URL) == 500, "broken")
def test_swallowed():
    try: assert pages.get(URL) == 500
    except AssertionError: pass
@pytest.mark.xfail
def test_xpass(): assert pages.get(URL) == 200
def test_retry():
    tries.append(1)
    assert pages.get(URL) == 200 and len(tries) > 1
def test_removed(): assert False
LIMIT = 3
def test_local_constant():
    done = True
    status = pages.get(URL)
    assert done and LIMIT == 3
def test_local_answer():
    status = pages.get(URL)
    assert status == 200
def test_or(): assert pages.get(URL) == 500 or True
def test_len():
    body = str(pages.get(URL))
    assert len(body) >= 0
def test_same():
    status = pages.get(URL)
    assert status == status
"""
PAGES = """
import urllib.request
def get(url):
    with urllib.request.urlopen(url) as answer: return answer.status
def works(url): assert get(url) == 200
"""
UNCHECKED = "it checked nothing after it had asked"
CONFTEST = """
from _pytest.runner import runtestprotocol
import sys, pathlib
sys.path.insert(0, str(pathlib.Path(__file__).parent))
collect_ignore = ["test_ignored.py"]
def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if item.name != "test_removed"]
def pytest_runtest_protocol(item, nextitem):
    if item.name != "test_retry": return None
    runtestprotocol(item, nextitem=item, log=False)
    for report in runtestprotocol(item, nextitem=nextitem, log=False):
        item.ihook.pytest_runtest_logreport(report=report)
    return True
"""


class Handler(BaseHTTPRequestHandler):
    """Answers 200, or 404 for `/missing`."""

    def do_GET(self) -> None:
        self.send_response(404 if self.path == "/missing" else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def urls() -> Iterator[list[str]]:
    """Two servers: the environment, and another one."""
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
    for server in servers:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield [f"http://127.0.0.1:{server.server_port}" for server in servers]
    for server in servers:
        server.shutdown()
        server.server_close()


def test_only_a_test_that_asks_and_then_checks_counts(tmp_path: Path, urls: list[str]) -> None:
    """Helpers, fixtures of a module, `raises` and unittest count; what was left out is named."""
    folder, reports, plugins = (tmp_path / name for name in ("tests", "reports", "plugins"))
    folder.mkdir()
    reports.mkdir()
    pytest_run.add_plugins(plugins)
    for name, text in {
        "test_a.py": TESTS,
        "pages.py": PAGES,
        "conftest.py": CONFTEST,
        "pytest.ini": "[pytest]\npython_functions = test_[!z]*\n",
        "test_b.py": "import os, pages\ndef test_b(): assert pages.get(os.environ['E2E_URL']) == 200\n"
        "def test_zoo(): assert False\n",
        "test_ignored.py": "def test_x(): assert False\n",
    }.items():
        (folder / name).write_text(text)
    given = {
        "E2E_URL": urls[0],
        "OTHER": urls[1],
        "E2E_OWN": json.dumps(urls[:1]),
        "E2E_ARTEFACTS": str(reports),
    }
    run = pytest_run.PytestRun(folder, reports, False, "", given, 60, plugins)
    ended = attempt(run.command())
    cases = {case.name.rpartition("::test_")[2]: case for case in weigh(read_junit(run.report)) or ()}

    assert {name for name, case in cases.items() if case.ending == "passed"} == {
        *("good", "helper", "fixture", "raises", "unittest", "local_answer", "b")
    }, ended.text
    assert {name: case.message.split(" (")[0] for name, case in cases.items() if case.ending == "void"} == {
        **dict.fromkeys(("constant", "nothing_asked", "other_host"), "it asked the environment nothing"),
        **dict.fromkeys(
            (
                *("nothing_checked", "checked_before", "tuple", "swallowed", "local_constant", "or", "len"),
                *("same",),
            ),
            UNCHECKED,
        ),
        "xpass": "it is marked `xfail`, and passed",
        "retry": "it passed on a retry only",
    }
    assert omitted((reports / "omitted.json").read_bytes()) == (
        "test_a.py::test_removed",
        "test_ignored.py",
        "test_b.py::test_zoo",
    )


@pytest.mark.parametrize(
    "text",
    [
        *(
            "True",
            "1 == 1",
            "'x' in 'xy'",
            "(a == b, 'message')",
            "not None",
            "[a == b]",
            "lambda: a",
            "a == a",
        ),
        *(
            "a or True",
            "len(a) >= 0",
            "isinstance(1, int)",
            "str('x')",
            "(x for x in a)",
            "bool(1) and len('a')",
        ),
    ],
)
def test_a_constant_says_nothing(text: str) -> None:
    """Whatever is served, it holds."""
    assert is_vacuous(text)
    assert not is_vacuous(f"answer.ok and ({text})")
