"""`env.scan`: what it searches for, where, and how it ends."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from scripts.config.desk import Desk
from scripts.errors import ConfigError, Refused
from scripts.git.client import Git
from scripts.secrets.request import ScanRequest
from scripts.secrets.scan_command import scan_files, scan_inputs, scan_target
from tests.fakes.world import Notes
from tests.support.environments import BUILT, PROJECTS, good, text_of
from tests.support.fake_desk import fake_desk
from tests.support.servers import serving, text
from tests.support.tables import settings

TOKEN = good("production")["WHATSAPP_VERIFY_TOKEN"]
KEY = "sk-ant-" + "Zx9" * 9


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A desk with three good environments; the app's checkout is `app`."""
    return desk_in(tmp_path)


def desk_in(folder: Path, **changes: object) -> Desk:
    """The same with other settings."""
    env, app = folder / "env", folder / "app"
    env.mkdir()
    app.mkdir()
    for name in PROJECTS:
        (env / f".env.{name}").write_text(text_of(good(name)))
    chosen = settings(app__build_variables=list(BUILT), **changes)
    return fake_desk(folder, settings=chosen, config_folder=env, git=Git(app, "origin"))


def bundle(folder: Path, script: str, environment: str = "production") -> str:
    """The path of a built bundle of an environment with this script."""
    dist = folder / "dist"
    dist.mkdir()
    (dist / "index.html").write_text("<script src=/a.js></script>")
    (dist / "a.js").write_text(f"u='{good(environment)['VITE_SUPABASE_URL']}';{script}")
    return str(dist)


def test_a_clean_bundle_is_done(desk: Desk, tmp_path: Path) -> None:
    """The message says how much was searched."""
    outcome = scan_target(desk, ScanRequest(path=bundle(tmp_path, ""), env="prod"))

    assert (outcome.ending, outcome.data) == ("done", {"findings": []})
    assert "dist, 2 files, 0.0 MB" in outcome.message


def test_a_secret_of_any_environment_fails(desk: Desk, tmp_path: Path) -> None:
    """The value is in no part of the outcome."""
    outcome = scan_target(desk, ScanRequest(path=bundle(tmp_path, f"f('{TOKEN}')")))

    assert (outcome.ending, outcome.code) == ("failed", 1)
    assert [(each["rule"], each["name"]) for each in outcome.data["findings"]] == [
        ("LEAK001", "WHATSAPP_VERIFY_TOKEN")
    ]
    assert TOKEN not in str(outcome)


def test_another_environments_bundle_is_told(desk: Desk, tmp_path: Path) -> None:
    """Only when an environment is named."""
    path = bundle(tmp_path, "", "staging")

    assert scan_target(desk, ScanRequest(path=path)).ending == "done"
    findings = scan_target(desk, ScanRequest(path=path, env="prod")).data["findings"]
    assert {each["rule"] for each in findings} == {"LEAK006"}


def test_without_a_path_nothing_is_scanned(desk: Desk) -> None:
    """And that is not called clean."""
    with pytest.raises(Refused, match="what is to be scanned"):
        scan_target(desk, ScanRequest())


def test_a_site_is_scanned_as_a_visitor_gets_it(desk: Desk) -> None:
    """All of it, or it is refused."""
    with serving() as server:
        server.answers = {
            "/": text("<script src=/a.js></script>", content_type="text/html"),
            "/a.js": text(f"f('{TOKEN}')"),
        }
        assert scan_target(desk, ScanRequest(path=server.url)).ending == "failed"
        del server.answers["/a.js"]
        with pytest.raises(Refused, match=r"it lacks `a\.js`"):
            scan_target(desk, ScanRequest(path=server.url))


def test_a_secret_in_a_header_or_in_a_later_chunk_is_found(desk: Desk) -> None:
    """Whatever a visitor's browser gets."""
    start = text("<script src=/a.js></script>", content_type="text/html")
    with serving() as server:
        named = text("<script src=/a.js></script>", content_type="text/html", x_debug=TOKEN)
        server.answers = {"/": named, "/a.js": text("f()")}
        header = scan_target(desk, ScanRequest(path=server.url))
        chunk = "u='js/'+e+'.'+{1:'ab12'}[e]+'.js'"
        server.answers = {"/": start, "/a.js": text(chunk), "/js/1.ab12.js": text(f"f('{TOKEN}')")}
        later = scan_target(desk, ScanRequest(path=server.url))

    for outcome, file in ((header, "headers of index.html"), (later, "js/1.ab12.js")):
        assert outcome.ending == "failed"
        assert [(each["rule"], each["file"]) for each in outcome.data["findings"]] == [("LEAK001", file)]


@pytest.mark.parametrize(("own", "ending"), [("<script src=/a.js></script>", "done"), ("", "failed")])
def test_scripts_of_other_hosts_are_said(desk: Desk, own: str, ending: str) -> None:
    """They were not scanned; a site that loads nothing else was not scanned at all."""
    start = f"{own}<script src='https://cdn.example/x.js?key=1'></script>"
    with serving() as server:
        server.answers = {"/": text(start, content_type="text/html"), "/a.js": text("f()")}
        outcome = scan_target(desk, ScanRequest(path=server.url))

    (found,) = outcome.data["findings"]
    assert (outcome.ending, found["rule"]) == (ending, "LEAK005")
    assert "it loads `https://cdn.example/x.js` from another host" in found["message"]


def test_secrets_are_looked_for_wherever_they_lie(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All environments, `.local` files, the app's own files, and the process environment."""
    (desk.config_folder / ".env.staging.local").write_text("A_TOKEN=value-of-local-1\n")
    (tmp_path / "app" / ".env").write_text("B_TOKEN=value-of-app-22\nVITE_B=public-of-app-2\n")
    monkeypatch.setenv("C_TOKEN", "value-of-process-3")
    monkeypatch.setenv("SSH_PRIVATE_KEY", "/home/ada/.ssh/id1")

    secrets = {(secret.environment, secret.name) for secret in scan_inputs(desk, None).secrets}

    assert {("`.env.staging.local`", "A_TOKEN"), ("`.env`", "B_TOKEN")} < secrets
    assert ("the process environment", "C_TOKEN") in secrets
    assert {(name, "OPENAI_API_KEY") for name in PROJECTS} < secrets
    assert not {"SSH_PRIVATE_KEY", "VITE_B", "VITE_SUPABASE_ANON_KEY"} & {name for _, name in secrets}


def test_what_a_browser_may_have_is_no_secret_of_another_name(desk: Desk) -> None:
    """The same value under a public and a secret name is reported by `env.check`."""
    anon = good("staging")["VITE_SUPABASE_ANON_KEY"]
    file = desk.config_folder / ".env.staging"
    file.write_text(
        file.read_text() + f"ANON_TOKEN={anon}\nSITE_TOKEN=public-value-1\nVITE_SITE=public-value-1\n"
    )
    inputs = scan_inputs(desk, None)

    assert not {"ANON_TOKEN", "SITE_TOKEN"} & {secret.name for secret in inputs.secrets}
    assert {anon, "public-value-1"} <= set(inputs.public)


def test_a_bundle_is_recognised_by_what_differs(desk: Desk) -> None:
    """What all environments share, or what is short, tells nothing."""
    for name in PROJECTS:
        file = desk.config_folder / f".env.{name}"
        file.write_text(file.read_text().replace(good(name)["VITE_SITE_URL"], "https://shared.example.org"))
    inputs = scan_inputs(desk, desk.settings.environment("staging"))

    assert set(inputs.own) == {"VITE_SUPABASE_URL", "VITE_SUPABASE_ANON_KEY"}
    assert {environment for environment, _, _ in inputs.others} == {"development", "production"}
    assert scan_inputs(desk, None).own == {}


def test_an_unreadable_file_is_told_or_stops(desk: Desk) -> None:
    """It stops the scan of its own bundle; of another one it is left out, and said."""
    (desk.config_folder / ".env.development").write_bytes(b"A=\xff\n")

    with pytest.raises(ConfigError):
        scan_inputs(desk, desk.settings.environment("dev"))
    with pytest.raises(ConfigError):
        scan_inputs(desk, None)
    scan_inputs(desk, desk.settings.environment("prod"))
    assert isinstance(desk.progress, Notes)
    assert ["development can't be read" in note for note in desk.progress.lines] == [True]


def test_an_exception_of_the_configuration_counts(tmp_path: Path) -> None:
    """By the clock of the desk."""
    allow = {
        "rule": "LEAK003",
        "sha256": hashlib.sha256(KEY.encode()).hexdigest(),
        "reason": "an example",
        "until": "2030-01-02",
    }
    files = {"index.html": b"<p>", "a.js": KEY.encode()}
    desk = desk_in(tmp_path, secrets__allow=[allow])
    inputs = scan_inputs(desk, None)

    assert scan_files(desk, files, inputs) == ()
    assert [each.rule for each in scan_files(desk, files | {"b.js": b"sk-ant-" + b"Qw8" * 9}, inputs)] == [
        "LEAK003"
    ]
