"""The pytest child: its call, its report (which is not trusted blindly), its traces without secrets."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from scripts.quality.e2e import pytest_run
from scripts.quality.e2e.pytest_run import PytestRun


def test_a_trace_keeps_no_cookie_token_or_known_secret(tmp_path: Path) -> None:
    """Secret headers, cookies, JSON web tokens and the desk's secrets are gone; images are untouched."""
    token = "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.c2lnbmF0dXJl"
    network = (
        '{"request":{"headers":[{"name":"Authorization","value":"Basic \\"abc\\" x"},'
        '{"name":"apikey","value":"short-key"},{"name":"Accept","value":"text/html"}],'
        '"cookies":[{"name":"sid","value":"crumbs"}]}}\n'
    )
    with zipfile.ZipFile(tmp_path / "trace.zip", "w") as made:
        made.writestr("trace.network", network)
        made.writestr(
            "resources/x.json", f'{{"access_token":"{token}","pin":"hunter22"}}'.encode() + b"\xff"
        )
        made.writestr("screencast/p.jpeg", b"\xff\xd8 hunter22")
    (tmp_path / "junit.xml").write_text(f"<testsuites>{token} hunter22</testsuites>")
    (tmp_path / "broken.zip").write_bytes(b"hunter22")

    pytest_run.remove_secrets(tmp_path, lambda text: text.replace("hunter22", "***"))

    with zipfile.ZipFile(tmp_path / "trace.zip") as kept:
        texts = kept.read("trace.network") + kept.read("resources/x.json")
        assert kept.read("screencast/p.jpeg") == b"\xff\xd8 hunter22"
    for gone in (b"abc", b"short-key", b"crumbs", token.encode(), b"hunter22"):
        assert gone not in texts
    assert b'"value":"text/html"' in texts
    assert texts.endswith(b"\xff")
    assert (tmp_path / "junit.xml").read_text() == "<testsuites>*** ***</testsuites>"
    assert not (tmp_path / "broken.zip").exists()


def test_the_call_selects_tests_and_takes_nothing_from_the_caller(tmp_path: Path) -> None:
    """The folder's own `pytest.ini` is the root; the report goes to the reports folder."""
    run = PytestRun(tmp_path, tmp_path / "reports", True, "home", {"E2E_URL": "u"}, 60, tmp_path / "p")
    command = run.command()
    argv = " ".join(command.argv)

    assert (command.cwd, command.timeout) == (tmp_path, 60)
    assert {"E2E_URL": "u", "E2E_SUITE": "smoke", "PYTHONPATH": str(tmp_path / "p")}.items() <= dict(
        command.env or {}
    ).items()
    assert "-p release_desk_observer" in argv
    assert "-m smoke -k home" in argv
    assert f"--rootdir={tmp_path} --junitxml={tmp_path}/reports/junit.xml" in argv
    assert "-m smoke" not in " ".join(
        PytestRun(tmp_path, tmp_path, False, "", {}, 60, tmp_path).command().argv
    )


def test_the_first_browser_on_path_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's small one comes first; without any, Playwright looks for its own."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert pytest_run.browser() == ""
    for name in ("chromium", "chromium-headless-shell"):
        (tmp_path / name).touch(0o755)

    assert pytest_run.browser() == str(tmp_path / "chromium-headless-shell")
