"""GitHub's REST API, and which remotes are asked about there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scripts.errors import CommandFailed, ConfigError, Unreachable
from scripts.github.client import (
    API,
    Github,
    branch_path,
    first_repository,
    from_process,
    repository_of,
    require_readable,
)
from scripts.system.secret import Secret
from tests.support.github import TOKEN, Hub, serving

OWN_API = "https://github.example.org/api/v3"


@pytest.fixture(autouse=True)
def _no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tester's own job is none."""
    for name in ("GH_TOKEN", "GITHUB_TOKEN", "GITHUB_REPOSITORY", "GITHUB_API_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A stand-in for GitHub with the repository `o/r`."""
    with serving() as running:
        yield running


def github(hub: Hub, token: str = TOKEN) -> Github:
    """The client for it."""
    return Github("o/r", Secret(token), hub.url)


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


def test_a_question_is_about_the_repository(hub: Hub) -> None:
    """Status, document and headers come back; the token goes along."""
    hub.answers["/rules"] = 200, [{"type": "deletion"}]

    assert github(hub).get("/rules")[:2] == (200, [{"type": "deletion"}])
    assert github(hub).get("/rules")[2]["X-OAuth-Scopes"] == "repo"
    assert github(hub).get("/none")[0] == 404
    assert github(hub, "wrong").get("/rules")[0] == 401
    assert hub.asked == ["/rules", "/rules", "/none", "/rules"]


def test_the_secrets_of_an_environment_are_read_page_by_page(hub: Hub) -> None:
    """GitHub gives a hundred names at a time."""
    path = "/environments/staging%2Feu/secrets"
    pages = {1: [{"name": f"N{number}"} for number in range(100)], 2: [{"name": "LAST"}, {"odd": 1}]}
    client = github(hub)

    class Paged(Github):
        def get(self, path: str = "") -> tuple[int, object, dict[str, str]]:
            hub.asked.append(path)
            return 200, {"secrets": pages[int(path.rpartition("=")[2])]}, {}

    names = Paged(client.repository, client.token, client.api).environment_secrets("staging/eu")

    assert (len(names), names[0], names[-1]) == (101, "N0", "LAST")
    assert hub.asked == [f"{path}?per_page=100&page=1", f"{path}?per_page=100&page=2"]


def test_an_answer_that_is_no_list_of_secrets_is_none(hub: Hub) -> None:
    """It must not look like an environment without secrets."""
    hub.answers["/environments/staging/secrets"] = 200, {"message": "hello"}

    with pytest.raises(CommandFailed, match="something else than a list"):
        github(hub).environment_secrets("staging")
    with pytest.raises(Unreachable, match="no such project or environment"):
        github(hub).environment_secrets("none")
    with pytest.raises(Unreachable, match=r"does not accept the token \(401\)"):
        github(hub, "wrong").environment_secrets("staging")


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "accept the token"),
        (403, "accept the token"),
        (404, "hides it"),
        (302, "answered 302"),
        (500, "500"),
    ],
)
def test_a_status_says_what_it_means_for_the_token(status: int, message: str) -> None:
    """Only 200 is an answer."""
    require_readable(200, "X")
    with pytest.raises(Unreachable, match=message):
        require_readable(status, "X")


@pytest.mark.parametrize("api", ["http://api.github.com", "http://192.0.2.1:80", "api.github.com"])
def test_a_token_never_travels_unencrypted(api: str) -> None:
    """A stand-in on this machine may be asked without TLS."""
    with pytest.raises(ConfigError, match="is no https address"):
        Github("o/r", Secret("token-token"), api)
    assert Github("o/r", Secret("token-token"), "http://127.0.0.1:1").api == "http://127.0.0.1:1"


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


def test_a_branch_in_a_path() -> None:
    """A slash in its name separates nothing."""
    assert branch_path("release/1 é", "/protection") == "release%2F1%20%C3%A9/protection"
