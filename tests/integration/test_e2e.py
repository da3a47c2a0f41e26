"""`test-e2e` and the gates in a world of their own: what works is proven, what is broken is caught."""

from __future__ import annotations

import importlib.util
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.integration.desk import Call, Desk
from tests.support import skips
from tests.support.sandboxes import VERIFY_TIMEOUT

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("playwright") is None or not skips.browser(),
    reason=skips.reason("a browser", "apt-get install chromium-headless-shell"),
)
HOME, BOOKING = "home or visitor_reads", "booking_is_made"
LIAR = "import os\ndef test_x():\n    print('1 passed')\n    os._exit(0)\n"
SKIPS = "import pytest\n@pytest.mark.skip(reason='no time')\ndef test_x(): pass\n"


@pytest.fixture(scope="module")
def released(desk: Desk) -> str:
    """The app on development, with three folders of journeys that prove nothing; returns the commit."""
    commit = desk.commit(
        {
            "journeys/skipping/test_x.py": SKIPS,
            "journeys/empty/notes.py": "",
            "journeys/lying/test_x.py": LIAR,
            "journeys/few/test_x.py": "def test_x(): pass\n",
        },
        "journeys that prove nothing",
    )
    assert desk("deploy", "--env", "development").code == 0
    return commit


@contextmanager
def written(file: Path, change: Callable[[str], str]) -> Iterator[None]:
    """The file changed for a while."""
    before = file.read_text()
    assert change(before) != before
    file.write_text(change(before))
    try:
        yield
    finally:
        file.write_text(before)


def configured(desk: Desk, old: str, new: str) -> Any:
    """The desk's configuration changed for a while."""
    return written(desk.world.env_dir / "pipeline.toml", lambda text: text.replace(old, new))


def bundle(desk: Desk) -> Path:
    """The script that development serves."""
    host = desk.world.environment("development").host
    current = json.loads((host / "published.json").read_text())["current"]
    (found,) = (host / "published" / str(current) / "dist" / "assets").glob("*.js")
    return found


def tried(desk: Desk, *more: str) -> Call:
    """The journeys on development."""
    return desk("test-e2e", "--env", "development", *more)


def left(call: Call, test: str, file: str) -> Path:
    """What a failed journey left."""
    found = Path(call.document["report"]).parent / test / file
    assert found.stat().st_size > 0
    return found


def proofs(desk: Desk, commit: str) -> list[dict[str, Any]]:
    """The proofs of a commit in the ledger."""
    return [each for each in desk.ledger() if (each["kind"], each["commit"]) == ("proof", commit)]


def test_all_journeys_pass_on_a_good_release(desk: Desk, released: str) -> None:
    """API, page, bookings, messages: proven for this very commit, with the digest of the report."""
    ended = tried(desk)
    (proof,) = [each for each in proofs(desk, released) if each["what"] == "e2e"]

    assert (0, "passed", 0) == (
        ended.code,
        ended.document["verdict"],
        ended.document["tests"]["failed"] + ended.document["tests"]["skipped"],
    )
    assert ("development", "done", "full") == (proof["environment"], proof["ending"], proof["level"])
    assert re.fullmatch("sha256:[0-9a-f]{64}", proof["digest"])


def test_the_gateway_asks_the_policies(desk: Desk, released: str) -> None:
    """A host who logs in reads the messages about his own properties; another host and strangers do not."""
    place = desk.world.environment("development")
    key = {"apikey": place.anon_key}

    def entered(email: str) -> tuple[str, dict[str, str]]:
        said = {"email": email, "password": "correct horse"}
        answer = requests.post(f"{place.api_url}/auth/v1/signup", json=said, headers=key, timeout=10).json()
        return answer["user"]["id"], {**key, "authorization": f"Bearer {answer['access_token']}"}

    def status(path: str, **headers: str) -> int:
        return requests.get(f"{place.api_url}{path}", headers=headers, timeout=10).status_code

    host, own = entered("host@example.org")
    _, other = entered("other@example.org")
    flat = {"host_id": host, "name": "Flat", "city": "Lille", "price_cents": 100}
    back = {**own, "prefer": "return=representation"}
    rest = f"{place.api_url}/rest/v1"
    (made,) = requests.post(f"{rest}/properties", json=flat, headers=back, timeout=10).json()
    assert host == made["host_id"]
    desk.sql(
        "development",
        "insert into public.messages (whatsapp_id, property_id, sender, body)"
        " select 'wamid.host', id, '336', 'hello' from public.properties where name = 'Flat'",
    )
    read = [
        requests.get(f"{rest}/messages?select=body", headers=each, timeout=10).json()
        for each in (own, other, key)
    ]
    stolen = requests.post(f"{rest}/properties", json=flat, headers=other, timeout=10)

    assert [[{"body": "hello"}], [], []] == read
    assert (403, "42501") == (stolen.status_code, stolen.json()["code"])
    assert [401, 401, 404, 400] == [
        status("/rest/v1/messages"),
        status("/rest/v1/messages", apikey=desk.world.environment("production").anon_key),
        status("/rest/v1/nowhere", **key),
        status("/rest/v1/messages?select=id,properties(*)", **key),
    ]


def test_a_dead_button_is_caught(desk: Desk, released: str) -> None:
    """The page looks well, and books nothing; the trace shows the click."""
    with written(bundle(desk), lambda text: re.sub(r"([`\"'])submit\1", r"\1never\1", text)):
        ended = tried(desk, "-k", BOOKING)
    trace = left(ended, "test_a_booking_is_made_and_kept", "trace.zip")

    assert (1, "failed") == (ended.code, ended.document["verdict"])
    left(ended, "test_a_booking_is_made_and_kept", "screenshot.png")
    with zipfile.ZipFile(trace) as kept:
        assert b'"method":"click"' in kept.read("trace.trace")


def test_a_bundle_for_another_project_is_caught(desk: Desk, released: str) -> None:
    """The page talks to production's project; the trace shows whom it asked, and keeps no key."""
    own, other = (desk.world.environment(each) for each in ("development", "production"))
    with written(bundle(desk), lambda text: text.replace(own.api_url, other.api_url)):
        ended = tried(desk, "-k", "another_environment")
    with zipfile.ZipFile(left(ended, "test_no_request_goes_to_another_environment", "trace.zip")) as kept:
        network = kept.read("trace.network").decode()
        everything = b"".join(kept.read(each) for each in kept.namelist())

    assert (1, "failed") == (ended.code, ended.document["verdict"])
    assert f"{other.api_url}/rest/v1/properties" in network
    assert own.anon_key.encode() not in everything
    assert proofs(desk, released) == [each for each in proofs(desk, released) if each["ending"] == "done"]


@skips.LONG
def test_row_level_security_is_watched(desk: Desk, released: str) -> None:
    """A policy that is gone hides the properties; a table without its guard shows the messages."""
    policy = "everyone reads published properties"
    desk.sql("development", f'alter policy "{policy}" on public.properties using (false)')
    desk.sql("development", "alter table public.messages disable row level security")
    try:
        ended = tried(desk, "-k", f"{HOME} or messages_of_a_host")
    finally:
        desk.sql("development", f'alter policy "{policy}" on public.properties using (published)')
        desk.sql("development", "alter table public.messages enable row level security")

    assert [
        "test_api::test_a_visitor_reads_published_properties",
        "test_api::test_nobody_reads_the_messages_of_a_host",
        "test_page::test_home_shows_the_properties_of_the_database",
    ] == ended.document["failed"]
    left(ended, "test_home_shows_the_properties_of_the_database", "trace.zip")
    said = left(ended, "test_nobody_reads_the_messages_of_a_host", "requests.txt").read_text()
    assert "/rest/v1/messages\nHTTP 200\n[{" in said


@pytest.mark.parametrize(
    ("folder", "verdict", "said"),
    [
        ("skipping", "inconclusive", "no test ran (1 skipped)"),
        ("empty", "inconclusive", "no test was found"),
        ("lying", "infrastructure", "no report that can be read: the test runner ended with 0"),
        ("few", "inconclusive", "0 tests count, at least 10 must; for nothing count:"),
    ],
)
@skips.LONG
def test_journeys_that_prove_nothing_are_no_pass(
    desk: Desk, released: str, folder: str, verdict: str, said: str
) -> None:
    """The folder of the served commit is used, its report alone is believed, and no proof is written."""
    before = proofs(desk, released)
    with configured(desk, "[e2e]\n", f'[e2e]\npath = "journeys/{folder}"\n'):
        ended = tried(desk)

    assert (1, verdict, said) == (ended.code, ended.document["verdict"], ended.document["reasons"][0])
    assert before == proofs(desk, released)


def test_an_old_commit_is_not_tried(desk: Desk, released: str) -> None:
    """What is served is not what was to be tried: nothing is run."""
    with configured(desk, f"[verify]\n{VERIFY_TIMEOUT}", "[verify]\ntimeout = 1"):
        ended = tried(desk, "--commit", f"{released}~1")

    assert 1 == ended.code
    assert "nothing was tested" in ended.document["message"]


GATES = '[environment.staging.gates]\ne2e = "smoke"\napproval = 1\n'


def test_staging_takes_nothing_without_its_proofs(desk: Desk, released: str) -> None:
    """Missing proofs are run, an approval needs another person, a changed report does not count."""
    with configured(desk, "[environment.production]", f"{GATES}\n[environment.production]"):
        mine = desk("approve", "--env", "development")
        lacking = desk("promote", "--to", "staging", "--run-missing")
        theirs = desk("approve", "--env", "development", "--commit", released, GITHUB_ACTOR="quinn")
        good = desk("promote", "--to", "staging", "--plan")
        folder = desk.world.folder / ".airhost" / proofs(desk, released)[-1]["report"]
        report = folder / "junit.xml"
        with written(report, lambda text: text.replace('failures="0"', 'failures="1"')):
            changed = desk("promote", "--to", "staging", "--plan")
        with configured(desk, "approval = 1", "approval = 1\nmax_age_hours = 0.0000001"):
            old = desk("promote", "--to", "staging", "--plan")

    assert (1, "Ada Sandbox made") == (mine.code, mine.document["message"][:16])
    assert 1 == lacking.code
    assert "1 approval on development: missing; not by Ada Sandbox" in lacking.document["message"]
    assert "e2e" not in lacking.document["message"]  # it was there, or was run
    assert (0, ["quinn (CI)"]) == (theirs.code, theirs.document["approvals"])
    assert ([True, True], None) == ([e["met"] for e in good.document["gates"]], good.document["refused"])
    assert "its report was changed since" in changed.document["refused"]
    assert 2 == old.document["refused"].count("too old") + old.document["refused"].count("missing")
