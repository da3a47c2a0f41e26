"""A project's secrets: read as digests over REST, set by the CLI from a private file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.config.settings import Secrets
from scripts.errors import CommandFailed, ConfigError, Refused, Unreachable
from scripts.secrets.supabase import ProjectSecrets
from scripts.system.secret import Secret
from tests.support.supabase import PROJECT, TOKEN, Project, standing_in

AWKWARD = {"A": "plain", "B": "it's #1", "C": 'b"$HOME`\\n'}


@pytest.fixture(autouse=True)
def _no_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tester's own profile does not count."""
    monkeypatch.delenv("SUPABASE_PROFILE", raising=False)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A stand-in for API and CLI."""
    with standing_in(tmp_path / "supabase") as running:
        yield running


def secrets_of(project: Project, ref: str = PROJECT, token: str = TOKEN) -> ProjectSecrets:
    """The secrets of a project there."""
    return ProjectSecrets(ref, Secret(token), project.url)


def digests(values: dict[str, str]) -> dict[str, str]:
    """What the API shows of these values."""
    return {name: hashlib.sha256(value.encode()).hexdigest() for name, value in values.items()}


def test_digests_are_read_by_name(project: Project) -> None:
    """In lower case, whatever the API gives; other entries are passed over."""
    project.keep([{"name": "K", "value": "ABCDEF"}, {"name": "L"}, {"odd": 1}, 2])

    assert secrets_of(project).digests() == {"K": "abcdef", "L": ""}


def test_what_is_no_list_of_secrets_is_never_taken_for_one(project: Project) -> None:
    """Else everything would seem to be missing there."""
    project.keep({"message": "hello"})

    with pytest.raises(CommandFailed, match="something else than a list"):
        secrets_of(project).digests()
    with pytest.raises(Unreachable, match="does not accept the token"):
        secrets_of(project, token="sbp_wrong").digests()
    with pytest.raises(Unreachable, match="no such project"):
        secrets_of(project, "zzzzzzzzzzzzzzzzzzzz").digests()


def test_a_token_never_travels_unencrypted() -> None:
    """The configuration may name any API."""
    with pytest.raises(ConfigError, match="unencrypted"):
        ProjectSecrets(PROJECT, Secret(TOKEN), "http://api.example.org").digests()


def test_what_is_set_is_read_back(project: Project) -> None:
    """To the letter, whatever the value holds."""
    secrets_of(project).set(project.cli, AWKWARD)

    assert secrets_of(project).digests() == digests(AWKWARD)


def test_no_value_is_on_the_argument_list_or_in_a_file_of_others(project: Project) -> None:
    """The file is private, and has no name; the token is in the environment alone."""
    secrets_of(project).set(project.cli, AWKWARD)
    call = project.call

    assert call
    assert (call["mode"], call["links"]) == (0o600, 0)
    assert call["beside"] == ["owner", "profile.yaml"]
    assert not [value for value in (*AWKWARD.values(), TOKEN) if value in " ".join(call["argv"])]
    assert call["env"]["SUPABASE_ACCESS_TOKEN"] == TOKEN
    assert not Path(call["env"]["TMPDIR"]).exists()


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\0b", "it's $5"])
def test_a_value_that_no_line_can_hold_is_refused(project: Project, value: str) -> None:
    """Before the CLI is started, and without the value in the message."""
    with pytest.raises(Refused, match="the value of `B` h") as caught:
        secrets_of(project).set(project.cli, {"A": "a", "B": value})

    assert project.call is None
    assert value not in str(caught.value)


def test_a_cli_that_fails_is_quoted(project: Project) -> None:
    """With its own words."""
    project.behave("failing")

    with pytest.raises(CommandFailed, match="no such project"):
        secrets_of(project).set(project.cli, {"A": "a"})


def test_the_cli_asks_the_configured_api(project: Project) -> None:
    """It knows no variable for that, but a profile."""
    secrets_of(project).set(project.cli, {"A": "a"})
    assert project.call
    assert f"api_url: {project.url}\n" in project.call["profile"]

    ProjectSecrets(PROJECT, Secret(TOKEN), Secrets().supabase_api).set(project.cli, {"A": "a"})
    assert project.call["profile"] is None


@pytest.mark.parametrize(
    "form", ["name: x\napi_url: {}\n", '{{"api_url": "{}", "x": 1}}', "api_url = '{}'\n"]
)
def test_a_profile_chooses_the_api_for_both(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """YAML, JSON or TOML, as the CLI takes it."""
    profile = tmp_path / "profile"
    profile.write_text(form.format(project.url))
    monkeypatch.setenv("SUPABASE_PROFILE", str(profile))
    elsewhere = ProjectSecrets(PROJECT, Secret(TOKEN), "https://127.0.0.1:9")

    elsewhere.set(project.cli, {"A": "a"})

    assert elsewhere.digests() == digests({"A": "a"})
    assert project.call
    assert project.call["profile"] == profile.read_text()


def test_a_profile_that_is_no_file_leaves_the_configured_api(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some are built into the CLI."""
    monkeypatch.setenv("SUPABASE_PROFILE", "supabase")

    assert secrets_of(project).digests() == {}
