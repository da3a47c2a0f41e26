"""GitHub's REST API, and which remotes are asked about there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from scripts.errors import CommandFailed, ConfigError, Unreachable
from scripts.github.client import Answer, Github, branch_path, require_readable
from scripts.system.secret import Secret
from tests.fakes.github_answers import Lost, Script
from tests.support.github import TOKEN, Hub, serving


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A stand-in for GitHub with the repository `o/r`."""
    with serving() as running:
        yield running


def github(hub: Hub, token: str = TOKEN) -> Github:
    """The client for it."""
    return Github("o/r", Secret(token), hub.url)


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


def test_a_branch_in_a_path() -> None:
    """A slash in its name separates nothing."""
    assert branch_path("release/1 é", "/protection") == "release%2F1%20%C3%A9/protection"


# ------------------------------------------------------------------------------- faults, limits, pages

OK: Answer = (200, {"ok": True}, {})
BAD: Answer = (502, None, {})
LIMITED: Answer = (403, {"message": "You have exceeded a secondary rate limit"}, {"retry-after": "9"})


def test_a_question_is_asked_again_after_a_fault() -> None:
    """Twice the network, once the server; then the answer."""
    script = Script([Lost, BAD, Lost, OK])

    assert script.hub.get("/x")[:2] == (200, {"ok": True})
    assert script.clock.seconds == 1 + 2 + 4


def test_a_server_that_stays_ill_is_named() -> None:
    """It is no answer: "no rules" would be a wrong one."""
    script = Script([BAD] * 5)

    with pytest.raises(Unreachable, match="GitHub answers 502"):
        script.hub.get("/x")
    assert script.answers == []


@pytest.mark.parametrize("lost", [Lost, BAD])
def test_what_is_created_is_not_sent_twice(lost: Any) -> None:
    """It may be there by now."""
    script = Script([lost])

    with pytest.raises(Unreachable):
        script.hub.post("/pulls", {})
    assert len(script.asked) == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_limit_is_waited_out(method: str) -> None:
    """Of a POST too: GitHub says that it did not take it."""
    script = Script([LIMITED, LIMITED, OK])
    answer = script.hub.get("/x") if method == "GET" else script.hub.post("/x", {})

    assert answer[0] == 200
    assert script.clock.seconds == 18


def test_a_limit_that_lasts_is_named() -> None:
    """Nobody waits half an hour for an answer."""
    script = Script([(429, None, {"retry-after": "1800"})])

    with pytest.raises(Unreachable, match="it takes requests again in 1800 s"):
        script.hub.get("/x")
    assert script.clock.seconds == 0


def test_what_did_not_change_costs_nothing() -> None:
    """The second question has the ETag of the first answer."""
    script = Script([(200, [1], {"ETag": 'W/"a"'}), (304, None, {}), (200, [2], {"ETag": 'W/"b"'})])
    hub = script.hub

    assert [hub.get("/x")[:2] for _ in range(3)] == [(200, [1]), (200, [1]), (200, [2])]
    assert [headers.get("If-None-Match") for *_, headers in script.asked] == [None, 'W/"a"', 'W/"a"']


def test_pages_are_turned_by_the_header() -> None:
    """Only its query counts: a token goes to no host that an answer names."""
    link = (
        '<https://evil.example.org/repositories/1/rules?per_page=100&after=X>; rel="next", <y>; rel="last"'
    )
    script = Script([(200, {"rules": [{"n": 1}]}, {"Link": link}), (200, {"rules": [{"n": 2}, 3]}, {})])

    assert list(script.hub.rows("/rules?x=y", "rules")) == [{"n": 1}, {"n": 2}]
    assert [path for _, path, *_ in script.asked] == [
        "/rules?x=y&per_page=100&page=1",
        "/rules?per_page=100&after=X",
    ]


def test_nothing_is_created_twice() -> None:
    """The answer was lost, and the thing is there; or it is not, and is sent again."""
    arrived, not_arrived = Script([Lost]), Script([BAD, (201, {"id": 2}, {})])

    def find_later() -> dict[str, int] | None:
        return {"id": 1} if arrived.asked else None

    assert arrived.hub.create("/x", {}, find_later, "create an x") == ({"id": 1}, False)
    assert not_arrived.hub.create("/x", {}, lambda: None, "create an x") == ({"id": 2}, True)
    assert Script([]).hub.create("/x", {}, lambda: {"id": 3}, "create an x") == ({"id": 3}, False)


def test_what_somebody_else_created_meanwhile_is_found() -> None:
    """GitHub's 422 says so; another one is a refusal, with its own words."""
    taken: Answer = (422, {"message": "Validation Failed", "errors": [{"message": "it exists"}]}, {})
    script = Script([taken])
    found = iter([None, {"id": 1}])

    assert script.hub.create("/x", {}, lambda: next(found), "create an x") == ({"id": 1}, False)
    with pytest.raises(CommandFailed, match=r"does not create an x \(422: Validation Failed; it exists\)"):
        Script([taken]).hub.create("/x", {}, lambda: None, "create an x")
