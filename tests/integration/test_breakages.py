"""The shipped journeys on the sample app, broken in one way after the other: each is caught, and said.

`DESK_LONG=1 pytest tests/integration/test_breakages.py -k price` plays some of them.
"""

from __future__ import annotations

import importlib.util
import json
import tomllib
from collections.abc import Iterator

import pytest

from tests.integration.desk import Desk
from tests.support import skips
from tests.support.desks import ROOT

pytestmark = [
    skips.LONG,
    pytest.mark.skipif(
        importlib.util.find_spec("playwright") is None or not skips.browser(),
        reason=skips.reason("a browser", "apt-get install chromium-headless-shell"),
    ),
]
APP = ROOT / "scripts" / "sandbox" / "sample_app"
BREAKAGES = tomllib.loads((ROOT / "tests" / "support" / "breakages.toml").read_text())["breakage"]
HERE = ("--env", "development")
MANY = """
alter table public.bookings disable trigger bookings_no_overlap; -- it would look at all of them for each
insert into public.bookings (property_id, guest_name, guest_email, check_in, check_out)
select id, 'many', 'many@example.invalid', date '2026-01-01' + day, date '2026-01-02' + day
from public.properties cross join generate_series(0, 19999) as day where published;
alter table public.bookings enable trigger bookings_no_overlap
"""


@pytest.fixture(scope="module")
def app(desk: Desk) -> Desk:
    """The sample app on development, as it should be."""
    assert 0 == desk("deploy", *HERE).code
    return desk


@pytest.fixture
def broken(app: Desk, request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """It is built, released, and fixed afterwards."""
    breakage: dict[str, str] = request.param
    sound = {breakage["file"]: (APP / breakage["file"]).read_text()} if "file" in breakage else {}
    for name, text in sound.items():
        assert breakage["old"] in text
        app.commit({name: text.replace(breakage["old"], breakage["new"], 1)}, breakage["name"])
        released = app("deploy", *HERE)
        assert released.code == 0, released.err
    if "sql" in breakage:
        app.sql("development", breakage["sql"])
    yield breakage
    if "undo" in breakage:
        app.sql("development", breakage["undo"])
    if sound:
        app.commit(sound, "fixed")


@pytest.mark.parametrize(
    "broken", BREAKAGES, ids=lambda each: each["name"].replace(" ", "-"), indirect=True
)
def test_what_breaks_is_caught_and_said(app: Desk, broken: dict[str, str]) -> None:
    """The run fails, and one of its reasons says what broke."""
    ended = app("test-e2e", *HERE)

    assert (1, "failed") == (ended.code, ended.document["verdict"])
    reasons = "\n".join(ended.document["reasons"])
    assert broken["said"] in reasons, reasons


def test_an_old_bundle_beside_a_new_stamp_is_caught(app: Desk) -> None:
    """The page that is served was not built from the commit that the version page names."""
    host = app.world.environment("development").host
    current = json.loads((host / "published.json").read_text())["current"]
    (bundle,) = (host / "published" / str(current) / "dist" / "assets").glob("*.js")
    sound = bundle.read_text()
    bundle.write_text(f"{sound}\n// of last week")
    ended = app("test-e2e", *HERE, "--suite", "smoke")
    bundle.write_text(sound)

    assert (1, "failed") == (ended.code, ended.document["verdict"])
    assert "was not built from this commit: an old bundle is served" in "\n".join(ended.document["reasons"])


@pytest.mark.timeout(1800)
def test_a_healthy_app_passes_ten_times(app: Desk) -> None:
    """In a row; and once where there are a hundred thousand bookings. Nothing of it is left."""
    assert 0 == app("deploy", *HERE).code
    runs = [app("test-e2e", *HERE) for _ in range(10)]
    app.sql("development", MANY)
    before = app.sql("development", "select count(*) from public.bookings")
    full = app("test-e2e", *HERE)

    assert ["passed"] * 11 == [each.document["verdict"] for each in (*runs, full)], full.err
    assert before == app.sql("development", "select count(*) from public.bookings")
    app.sql("development", "delete from public.bookings where guest_email = 'many@example.invalid'")
