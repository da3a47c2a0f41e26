"""Which repository on GitHub is meant, and with which token or app it is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.github import remote
from scripts.github.client import API, Github
from scripts.github.remote import first_repository, from_process, repository_of
from scripts.system.secret import Secret
from tests.support.fake_desk import fake_desk
from tests.support.tables import settings

OWN_API = "https://github.example.org/api/v3"


@pytest.fixture(autouse=True)
def _no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tester's own job is none."""
    for name in ("GH_TOKEN", "GITHUB_TOKEN", "GITHUB_REPOSITORY", "GITHUB_API_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("url", "repository"),
    [
        ("https://github.com/o/r.git", "o/r"),
        ("https://github.com/o/r/", "o/r"),
        ("https://x-access-token:t@github.com/o/r", "o/r"),
        ("git@github.com:o/r.name.git", "o/r.name"),
        ("ssh://git@github.com/o/r", "o/r"),
        ("ssh://git@ssh.github.com:443/o/r.git", "o/r"),
        ("https://GitHub.com/o/r", "o/r"),
        ("git@gitlab.com:team/app.git", None),
        ("https://gitlab.com/team/app", None),
        ("https://github.com.example.org/o/r", None),
        ("https://example.org/github.com/o/r", None),
        ("https://github.com/o", None),
        ("https://github.com/o/r/pulls", None),
        ("https://github.example.org/o/r", None),
        ("/srv/origin.git", None),
        ("../github.com/o/r", None),
        ("", None),
    ],
)
def test_only_a_remote_on_github_has_a_repository(url: str, repository: str | None) -> None:
    """`git@gitlab.com:team/app.git` was once asked about at GitHub."""
    assert repository_of(url) == repository


@pytest.mark.parametrize(
    ("url", "api", "repository"),
    [
        ("git@github.example.org:o/r.git", OWN_API, "o/r"),
        ("https://github.example.org:8443/o/r", OWN_API, "o/r"),
        ("https://acme.ghe.com/o/r", "https://api.acme.ghe.com", "o/r"),
        ("git@gitlab.com:o/r.git", OWN_API, None),
        ("git@other.example.org:o/r.git", OWN_API, None),
    ],
)
def test_the_host_of_the_configured_api_is_github_too(url: str, api: str, repository: str | None) -> None:
    """GitHub Enterprise, with the API below the host or beside it."""
    assert repository_of(url, api) == repository


def test_the_first_remote_on_github_counts() -> None:
    """A remote may have several URLs."""
    assert first_repository(["git@gitlab.com:a/b", "git@github.com:o/r", "git@github.com:p/q"]) == "o/r"
    assert first_repository([]) is None


def test_the_process_names_token_repository_and_api(monkeypatch: pytest.MonkeyPatch) -> None:
    """The remote's own URL wins over the job's repository; without a token nobody is asked."""
    assert from_process(["git@github.com:o/r"], None) is None
    assert from_process(["/srv/origin.git"], "token-given") is None
    assert from_process(["git@github.com:o/r"], "token-given") == Github("o/r", Secret("token-given"), API)
    monkeypatch.setenv("GITHUB_REPOSITORY", "job/repository")
    monkeypatch.setenv("GITHUB_TOKEN", "token-of-job")
    assert from_process(["/srv/origin.git"], None) == Github("job/repository", Secret("token-of-job"))
    monkeypatch.setenv("GH_TOKEN", "token-of-person")
    monkeypatch.setenv("GITHUB_API_URL", OWN_API)

    found = from_process(["git@github.example.org:o/r"], "token-given")

    assert found == Github("o/r", Secret("token-of-person"), OWN_API)


@pytest.mark.parametrize("name", ["../user", "o/..", "o/.", "../../user", "o", "o/r/x", "o/r?x"])
def test_a_name_that_is_no_repository_is_not_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would become part of a URL."""
    monkeypatch.setenv("GITHUB_REPOSITORY", name)

    assert from_process([], "token-given") is None
    assert repository_of(f"https://github.com/{name}") is None


@pytest.mark.parametrize(("land", "found"), [("push", None), ("pull-request", "job/repository")])
def test_the_repository_of_the_job_counts_where_promotions_go_by_pull_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, land: str, found: str | None
) -> None:
    """Then the remote is on GitHub, whatever its address."""
    monkeypatch.setenv("GITHUB_TOKEN", "token-of-job")
    monkeypatch.setenv("GITHUB_REPOSITORY", "job/repository")
    monkeypatch.setattr(remote, "remote_urls", lambda *_: ["/srv/origin.git"])
    desk = fake_desk(tmp_path, settings=settings(app__land=land))
    hub = remote.hub_of(desk, list(desk.settings))

    assert (hub.repository if hub else None) == found
    named = fake_desk(tmp_path, settings=settings(app__land=land, github__repository="a/b"))
    assert getattr(remote.hub_of(named, []), "repository", None) == "a/b"
