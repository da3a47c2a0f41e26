"""`monitor.page` and the reports of tests in a real browser: nothing asked for, nothing complained of."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files as files_of
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scripts.config.desk import Desk
from scripts.git.merge import MergingGit
from scripts.monitor.page import page
from scripts.monitor.request import MonitorPageRequest
from scripts.quality.cases import Case
from scripts.quality.html_tests import page as e2e_page
from scripts.quality.load.page import page as load_page
from scripts.quality.verdict import judge
from scripts.release.dora import seconds_of
from scripts.replit.live import Answer
from tests.fakes.world import World, build_world
from tests.support import skips, years
from tests.support.load_reports import EVIL, STRESS
from tests.support.load_reports import report as load_report
from tests.support.repositories import bare, clone

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

AXE = "axe_playwright_python"
BROWSER = pytest.mark.skipif(
    importlib.util.find_spec("playwright") is None or not skips.browser(),
    reason=skips.reason("a browser", "apt-get install chromium-headless-shell"),
)
NEEDS_AXE = pytest.mark.skipif(
    importlib.util.find_spec(AXE) is None, reason=skips.reason("axe-core", "scripts/bootstrap test")
)
PHONE = {"width": 390, "height": 844}
VIEWS: dict[str, dict[str, Any]] = {
    "desktop-light": {"viewport": {"width": 1200, "height": 860}, "color_scheme": "light"},
    "phone-dark": {"viewport": PHONE, "color_scheme": "dark", "is_mobile": True},
}


def desk_of(world: World, folder: Path, releases: int, looks: int) -> Desk:
    """A desk over a real clone with so many releases, beside a monitor that has looked so often."""
    now = seconds_of(world.clock.now())
    origin = bare(folder / "origin.git")
    live = years.repository(origin, releases, now)
    person = clone(origin, folder / "clone")
    state = folder / "state"
    years.looks(state, looks, now)
    for name, commit in live.items():
        world.drivers[name].served = Answer(200, commit=commit, environment=name, pages=(("/", 200),))
    return world.desk(git=MergingGit(person.folder, "origin"), state_folder=state)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The page of a small team, in each language."""
    folder = tmp_path_factory.mktemp("page")
    with pytest.MonkeyPatch.context() as patch:
        desk = desk_of(build_world(folder, patch, app__name="Airhost"), folder, 242, 6000)
        made = {
            language: page(desk, MonitorPageRequest(lang=language, out=str(folder / language)))
            for language in ("en", "fr")
        }
    return {language: Path(each.data["page"]) for language, each in made.items()}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
        started = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@contextlib.contextmanager
def opened(browser: Browser, file: Path, view: str) -> Iterator[Page]:
    """The page in a browser, which has nothing against it: see below.

    No message, no request but the file itself, nothing wider than the screen, no barrier.
    `DESK_PICTURES` names a folder that gets pictures.
    """
    context = browser.new_context(**VIEWS[view])
    shown = context.new_page()
    said, asked = list[str](), list[str]()
    shown.on("console", lambda message: said.append(message.text))
    shown.on("pageerror", lambda fault: said.append(str(fault)))
    shown.on("request", lambda request: asked.append(request.url))
    shown.goto(file.as_uri())

    assert (said, [url for url in asked if not url.startswith("data:")]) == ([], [file.as_uri()])
    wide = shown.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    if folder := os.environ.get("DESK_PICTURES"):
        shown.screenshot(path=f"{folder}/{file.stem}-{view}.png", full_page=True)
    yield shown
    shown.evaluate(
        files_of(AXE).joinpath("axe.min.js").read_text("utf-8")
    )  # by the debugger: the page itself allows no script
    found = shown.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    assert [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found] == []
    context.close()


@BROWSER
@NEEDS_AXE
@pytest.mark.parametrize(("view", "language"), [("desktop-light", "en"), ("phone-dark", "fr")])
def test_a_browser_and_axe_have_nothing_against_it(
    browser: Browser, files: dict[str, Path], view: str, language: str
) -> None:
    """What is live is on the first screen."""
    with opened(browser, files[language], view) as shown:
        box = shown.locator(".first .big").bounding_box()
        assert box is not None
        assert box["y"] < 300


@BROWSER
@NEEDS_AXE
@pytest.mark.parametrize("view", ["desktop-light", "phone-dark"])
def test_nor_against_the_report_of_a_load_test(browser: Browser, tmp_path: Path, view: str) -> None:
    """The verdict is on the first screen, drawings fill their width, texts keep their size on a phone."""
    file = tmp_path / "load.html"
    marks = [(112.0, "v5 release by Ann"), (290.0, f"v6 release by {EVIL}")]
    file.write_text(load_page(load_report(STRESS, {EVIL: 0.5, "home": 0.5}, markers=marks)))
    with opened(browser, file, view) as shown:
        verdict, drawing, word = (
            shown.locator(each).first.bounding_box() for each in (".verdict", "figure svg", ".plot .y")
        )
        assert verdict
        assert drawing
        assert word
        assert verdict["y"] < 200
        assert drawing["width"] > 0.75 * min(1024, VIEWS[view]["viewport"]["width"])
        assert word["height"] >= 11
        right = shown.evaluate(
            "Math.max(...[...document.querySelectorAll('.plot span')]"
            ".map(each => each.getBoundingClientRect().right))"
        )
        assert right <= VIEWS[view]["viewport"]["width"]
        shown.emulate_media(media="print")
        assert shown.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        shown.emulate_media(media="screen")


@BROWSER
@NEEDS_AXE
@pytest.mark.parametrize("view", ["desktop-light", "phone-dark"])
def test_nor_against_the_report_of_browser_tests(browser: Browser, tmp_path: Path, view: str) -> None:
    """Names without a blank and long reasons stay within the screen."""
    cases = [
        Case("test_page.TestGuests::test_" + "x" * 120, "failed", 3.0, "AssertionError: " + "y" * 300),
        Case("test_api::" + EVIL, "error", 0.1, EVIL),
        *(Case(f"test_api::test_{n}", "passed", n / 10) for n in range(20)),
        Case("test_api::test_void", "void", 0.1, "it checked nothing"),
        Case("test_api::test_skipped", "skipped", 0.0, "not here"),
    ]
    verdict = judge(cases, exit_code=1, wanted=1, served=("a" * 40, "a" * 40))
    file = tmp_path / "e2e.html"
    files = {cases[0].name: ["test/trace.zip"]}
    file.write_text(e2e_page(verdict, [("commit", "a" * 40)], files, "no proof: the run failed"))
    with opened(browser, file, view) as shown:
        assert shown.locator(".verdict").inner_text().endswith("failed")


@BROWSER
def test_it_can_be_read_by_keyboard(browser: Browser, files: dict[str, Path]) -> None:
    """The first key skips to the content; the page's own policy allows nothing to be loaded."""
    context = browser.new_context()
    shown = context.new_page()
    shown.goto(files["en"].as_uri())
    shown.keyboard.press("Tab")

    assert shown.evaluate("document.activeElement.getAttribute('href')") == "#content"
    assert shown.locator(":focus").bounding_box()["x"] >= 0  # type: ignore[index]
    shown.keyboard.press("Enter")
    assert shown.evaluate("location.hash") == "#content"
    refused = shown.evaluate("fetch('data:text/plain,x').then(() => 'loaded', () => 'refused')")
    assert refused == "refused"
    context.close()


@skips.LONG
def test_two_years_are_built_in_five_seconds_and_one_megabyte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2,000 releases and 1 million looks; with the reading of the ledger and of git."""
    desk = desk_of(build_world(tmp_path, monkeypatch), tmp_path, 2000, 1_000_000)
    desk = replace(desk, clock=time.monotonic)
    began = time.monotonic()
    made = page(desk, MonitorPageRequest(lang="en"))
    took = time.monotonic() - began

    assert took < 5, f"{took:.2f} s, {made.data}"
    assert made.data["bytes"] < 1_000_000
