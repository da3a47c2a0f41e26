"""`monitor.page`: what a reader finds in it, in both languages, whatever others have written."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from scripts.config.desk import Desk
from scripts.errors import CommandFailed
from scripts.monitor import page as pages
from scripts.monitor import series
from scripts.monitor.on_the_web import on_the_web
from scripts.monitor.page import open_environment, page
from scripts.monitor.page_facts import collect
from scripts.monitor.page_html import render
from scripts.monitor.page_words import FRENCH, Words
from scripts.monitor.request import MonitorPageRequest, OpenRequest
from scripts.monitor.store import FILE, SCHEMA
from scripts.release.commands import deploy, promote
from scripts.release.dora import seconds_of
from scripts.release.request import DeployRequest, PromoteRequest, StatusRequest
from scripts.release.status import status
from scripts.system.secret import remember
from tests.fakes.world import Notes, World, ending
from tests.support import years

EVIL = """<script>alert(1)</script> "' onload=x <img src=//evil.example/x>"""
LOADS = ("src", "srcset", "poster", "data", "action", "background", "xlink:href")


class Reader(HTMLParser):
    """Collects what a page holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Text that is shown."""
        if self.lasttag != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        """All that is read, in one line."""
        return re.sub(r"\s+", " ", "".join(self.words))


@pytest.fixture
def desk(world: World, tmp_path: Path) -> Desk:
    """Two releases went to production; one more commit waits in staging."""
    deploy(world.desk(), DeployRequest(env="development"))
    promote(world.desk(), PromoteRequest(to="staging"))
    promote(world.desk(), PromoteRequest(to="production", yes=True))
    return world.desk(state_folder=tmp_path / "state", progress=Notes())


def made(desk: Desk, **options: Any) -> Reader:
    """The page that is written."""
    outcome = page(desk, MonitorPageRequest(**options))
    assert outcome.code == 0, outcome
    return Reader(Path(outcome.data["page"]).read_text(encoding="utf-8"))


def test_it_begins_with_what_is_live_and_since_when(desk: Desk) -> None:
    """The end of the chain comes first, then each environment with what waits and what to type."""
    live = status(desk, StatusRequest()).data["environments"][-1]
    text = made(desk, lang="en").text

    since = f"{live['released_at'][:10]} {live['released_at'][11:16]} UTC"
    assert f"production{live['release']} live since {since}" in text
    assert live["live"][:12] in text
    assert "invoke history --env staging" in text
    assert "No watch has run on this machine: invoke monitor.watch" in text


def test_live_is_said_only_of_what_the_address_answers_with(desk: Desk, world: World) -> None:
    """Somebody published something else: the page says it as loudly."""
    served = world.drivers["production"].served
    world.drivers["production"].served = replace(served, commit="0" * 40)
    found = made(desk, lang="en")

    assert "productionv1 released, but not served; on " in found.text
    assert "problems: 1" in found.text
    assert [each["class"] for tag, each in found.tags if "first" in (each.get("class") or "")] == [
        "first bad"
    ]


def test_commits_that_wait_are_those_of_people(desk: Desk, world: World) -> None:
    """With the number of each, and the command that takes them on."""
    world.commit("develop", {"new": "1"}, subject="search by city")
    text = made(desk, lang="en").text

    assert "waiting for staging: commits 2" in text
    assert "(Ada 2)" in text
    assert "search by city" in text
    assert "invoke promote --to staging --plan" in text
    assert "invoke deploy --env development --plan" in text


def test_what_others_write_is_text(desk: Desk, world: World) -> None:
    """A subject or an incident is no element; a secret in it is masked; nothing is loaded or run."""
    remember("s3cr3t-of-the-team")
    world.commit("develop", {"new": "1"}, subject=EVIL)
    years.looks(desk.state_folder, 30, seconds_of(desk.now()))
    with sqlite3.connect(desk.state_folder / FILE) as connection:
        why = EVIL.replace('"', "'") + " s3cr3t-of-the-team"
        connection.execute("update incidents set document = json_set(document, '$.why', ?)", (why,))
    found = made(desk)
    whole = Path(desk.state_folder, "page", "index.html").read_text(encoding="utf-8")

    assert "<script>alert(1)</script>" in found.text
    assert "s3cr3t-of-the-team" not in whole
    assert not {tag for tag, _ in found.tags} & {"script", "img", "iframe", "object", "embed", "form"}
    for tag, attributes in found.tags:
        assert not [name for name in attributes if name.startswith("on") or name in LOADS], (
            tag,
            attributes,
        )
    assert "url(" not in whole
    assert "@import" not in whole


def test_both_languages_say_everything(desk: Desk) -> None:
    """French has each word of the page, and its own numbers; there is no third language."""
    years.looks(desk.state_folder, 3000, seconds_of(desk.now()))
    text = made(desk, lang="fr").text

    assert "en ligne depuis" in text
    assert "disponible sur 90 jours" in text
    assert "Aucune" not in text
    assert [(tag, found["lang"]) for tag, found in made(desk, lang="fr").tags if tag == "html"] == [
        ("html", "fr")
    ]
    assert ending(lambda: page(desk, MonitorPageRequest(lang="de"))).code == 2


def test_every_french_word_is_used_and_every_used_one_is_there() -> None:
    """What the sources say through `say` is in the table."""
    folder = Path(pages.__file__).parent
    sources = "".join((folder / name).read_text() for name in ("page_html.py", "plots.py"))
    said = set(re.findall(r"""say\(["']([^"']+)["']""", sources))

    assert said <= set(FRENCH)
    unused = {word for word in FRENCH if f'"{word}"' not in sources and f"'{word}'" not in sources}
    assert unused == {"done", "error"}  # words of the ledger


def test_numbers_are_never_prettier_than_they_are() -> None:
    """99.999 % is not 100 %."""
    assert Words("en").percent(0.99999, 2) == "99.99%"
    assert Words("fr").percent(0.5, 1) == "50,0 %"
    assert Words("fr").number(1234567.5, 1) == "1\u202f234\u202f567,5"
    assert Words("en").span(3 * 86400) == "3.0 d"
    assert Words("fr").span(12 * 86400) == "12 j"
    assert f"sauvegarde{Words('fr').colon} 3" == "sauvegarde\u00a0: 3"
    assert Words("en").span(0.25) == "0.25 s"


def test_days_and_latency_are_added_up_in_sql(tmp_path: Path) -> None:
    """Recent looks and older hours together; what did not count, or is no page, is left out."""
    now = 100 * 86400.0
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.executescript(SCHEMA)
        rows: list[tuple[object, ...]]
        rows = [(now - n, "production", "page /", "good", n / 100, "{}", "", 1) for n in range(1, 101)]
        rows += [(now - 5, "production", "page /", "bad", 9.0, "{}", "", 1)] * 4
        rows += [(now - 5, "production", "page /", "bad", 9.0, "{}", "", 0)]
        rows += [(now - 5, "production", "page /", "unknown", None, "{}", "", 1)]
        rows += [(now - 5, "production", "database", "bad", 9.0, "{}", "", 1)]
        connection.executemany("insert into looks values (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        hours = [(now - 86400 * 1.5, "production", "page /", 60, 6, 0.2, 0.4)]
        hours += [(now - 86400 * 95, "production", "page /", 60, 60, 0.2, 0.4)]
        connection.executemany("insert into hours values (?, ?, ?, ?, ?, ?, ?)", hours)

    found = series.read(tmp_path / FILE, now)

    assert found is not None
    assert found.days == {"production": [(98, 60, 6), (99, 104, 4)]}
    assert [(round(p50, 2), round(p95, 2)) for _, p50, p95 in found.pace["production"]] == [
        (0.2, 0.4),
        (0.5, 0.95),
    ]
    assert series.read(tmp_path / "none", now) is None


def test_a_damaged_file_is_named_and_the_page_is_written(desk: Desk) -> None:
    """The ledger still says what is live."""
    desk.state_folder.mkdir(parents=True)
    (desk.state_folder / FILE).write_text("no database at all, but long enough to be looked at")
    made(desk)

    assert any("can't be read" in note for note in desk.progress.lines)  # type: ignore[attr-defined]


def test_it_is_written_whole_and_is_private_unless_it_is_asked_for(desk: Desk, tmp_path: Path) -> None:
    """A folder that was named may be served; one that can't be written is named."""
    own = Path(page(desk, MonitorPageRequest()).data["page"])
    out = Path(page(desk, MonitorPageRequest(out=str(tmp_path / "site"))).data["page"])
    (tmp_path / "file").write_text("")

    assert (own.stat().st_mode & 0o777, out.stat().st_mode & 0o777) == (0o600, 0o644)
    assert [each.name for each in out.parent.iterdir()] == ["index.html"]
    with pytest.raises(CommandFailed):
        page(desk, MonitorPageRequest(out=str(tmp_path / "file")))


@pytest.mark.parametrize(("display", "said"), [(":0", "in the browser"), ("", "no browser is here")])
def test_status_opens_it(desk: Desk, display: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `--web`, where there is a browser; the link is printed anyway."""
    opened: list[str] = []

    def show(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr("webbrowser.open", show)
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    outcome = on_the_web(status)(desk, StatusRequest(web=True))

    assert said in outcome.message
    assert outcome.data["environments"]
    assert opened == ([Path(outcome.data["page"]).as_uri()] if display else [])
    assert "page" not in on_the_web(status)(desk, StatusRequest()).data


def test_a_ledger_that_was_rewritten_makes_no_page(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """`status` says what is wrong, and so does this."""
    bad = replace(
        status(desk, StatusRequest()), ending="failed", code=1, message="the ledger was rewritten"
    )
    monkeypatch.setattr(pages, "status", lambda *_: bad)

    assert page(desk, MonitorPageRequest()) is bad


def test_a_world_without_any_release_has_a_page(world: World, tmp_path: Path) -> None:
    """Nothing is live, and that is said."""
    assert "nothing is live yet" in made(world.desk(state_folder=tmp_path / "state"), lang="en").text


def test_figures_drills_backups_and_load_tests_are_shown(desk: Desk) -> None:
    """From a document of two years."""
    facts = collect(desk, status(desk, StatusRequest()).data)
    row = {"environment": "staging", "at": 1.9e9, "commit": "a" * 40, "level": "peak", "verdict": "passed"}
    backup = {"environment": "production", "backup": "b1", "taken": 1.9e9, "rows": 812345, "bytes": 48e6}
    more = {
        "load": [{**row, "passed": True, "p95": 210.0}, {**row, "passed": False, "p95": None}],
        "drills": [{"environment": "staging", "at": 1.9e9, "seconds": 41.5, "caught": "it answered 500"}],
        "backups": [{**backup, "proven": 1.9e9, "fault": ""}, {**backup, "proven": None, "fault": "torn"}],
    }
    text = Reader(render({**facts, **more}, "en")).text

    for part in (
        "0.21 s",
        "peak",
        "it answered 500",
        "812,345",
        "48.0 MB",
        "restored and compared 2030-03-17",
    ):
        assert part in text
    assert "not proven: torn" in text


def test_an_environment_is_opened_where_a_browser_is(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere, and for programs, its address is said."""
    shown: list[str] = []

    def show(address: str) -> bool:
        shown.append(address)
        return True

    monkeypatch.setattr("webbrowser.open", show)
    monkeypatch.setattr("scripts.monitor.page._has_display", lambda: True)
    url = desk.settings.environment("staging").url

    assert open_environment(desk, OpenRequest(env="staging")).message == f"in the browser: {url}"
    assert open_environment(desk, OpenRequest(env="staging", json=True)).data["opened"] is False  # type: ignore[call-arg]
    monkeypatch.setattr("scripts.monitor.page._has_display", lambda: False)
    assert open_environment(desk, OpenRequest(env="staging")).message == f"staging: {url}"
    assert shown == [url]
