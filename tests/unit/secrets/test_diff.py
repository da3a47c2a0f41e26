"""`env.diff`: two environments side by side, and what the hosts have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from scripts.config.desk import Desk
from scripts.errors import Refused
from scripts.secrets.classify import PublicNames
from scripts.secrets.diff import Drift, Row, compare, diff, github_drift, supabase_drift
from scripts.secrets.request import DiffRequest
from scripts.secrets.variables import EnvFile, Variable, digest
from tests.fakes.world import Notes
from tests.support import github
from tests.support.environments import PROJECTS, good, text_of
from tests.support.fake_desk import fake_desk
from tests.support.repositories import Repository
from tests.support.servers import serving, text
from tests.support.supabase import TOKEN
from tests.support.tables import settings

PUBLIC = PublicNames(("VITE_",))
REQUEST = DiffRequest(from_="staging", to="prod")


def env_file(**values: str) -> EnvFile:
    """An environment with these variables."""
    return EnvFile("staging", "f", tuple(Variable(name, value, "f", 1) for name, value in values.items()))


def desk_of(folder: Path, more: Mapping[str, Mapping[str, str]] | None = None, **changes: object) -> Desk:
    """A desk with three good environments, some with more values, in a checkout of `o/r` at GitHub."""
    repository = Repository(folder)
    repository.git("init", "-q")
    repository.git("remote", "add", "origin", "git@github.com:o/r.git")
    values = {name: {**good(name), **(more or {}).get(name, {})} for name in PROJECTS}
    for name in PROJECTS:
        (folder / f".env.{name}").write_text(text_of(values[name]))
    urls = {f"environment__{name}__url": good(name)["VITE_SITE_URL"] for name in PROJECTS}
    return fake_desk(folder, values=values, config_folder=folder, settings=settings(**urls, **changes))


def test_every_name_of_the_two_is_a_row() -> None:
    """With digests, never values."""
    rows = compare(
        env_file(A="same", B="one", VITE_C="x"), env_file(A="same", B="two", D="y", E=""), PUBLIC
    )

    assert [(row.name, row.state, row.public) for row in rows] == [
        ("A", "same", False),
        ("B", "different", False),
        ("D", "only there", False),
        ("E", "only there", False),
        ("VITE_C", "only here", True),
    ]
    assert rows[0].document() == {
        "name": "A",
        "state": "same",
        "public": False,
        "from": digest("same")[:12],
        "to": digest("same")[:12],
    }
    assert Row("A", "", "b", public=False).document()["from"] is None


def test_the_secrets_of_edge_functions_are_compared_by_digest() -> None:
    """Public variables, the desk's own and Supabase's own are on no host."""
    written = env_file(
        OPENAI_API_KEY="a",
        WHATSAPP_TOKEN="b",
        MAIL_KEY="c",
        VITE_A="d",
        DATABASE_URL="e",
        LOAD_ACCOUNTS="f",
        AWS_REGION="g",
        SUPABASE_SERVICE_ROLE_KEY="h",
    )
    hosted = {
        "OPENAI_API_KEY": digest("a"),
        "WHATSAPP_TOKEN": digest("old"),
        "LEFT_OVER": digest("x"),
        "SUPABASE_URL": digest("y"),
    }

    assert supabase_drift(written, PUBLIC, hosted) == (
        Drift("Supabase", "staging", "LEFT_OVER", "only there"),
        Drift("Supabase", "staging", "MAIL_KEY", "only here"),
        Drift("Supabase", "staging", "WHATSAPP_TOKEN", "different"),
    )


def test_the_secrets_of_a_github_environment_are_compared_by_name() -> None:
    """Nobody can read their values."""
    assert github_drift(env_file(A="a", B="b", C=""), ["B", "D"]) == (
        Drift("GitHub", "staging", "A", "only here"),
        Drift("GitHub", "staging", "D", "only there"),
    )


def test_differences_are_expected_and_mistakes_fail(tmp_path: Path) -> None:
    """The same secret in both is one mistake for each of the two."""
    desk = desk_of(tmp_path)
    outcome = diff(desk, REQUEST)
    assert (outcome.ending, outcome.data["findings"], outcome.data["drift"]) == ("done", [], [])
    assert (outcome.data["from"], outcome.data["to"]) == ("staging", "production")
    assert {row["state"] for row in outcome.data["variables"]} == {"different"}

    key = {"OPENAI_API_KEY": good("staging")["OPENAI_API_KEY"]}
    (tmp_path / ".env.production").write_text(text_of(good("production") | key))
    outcome = diff(desk, REQUEST)

    assert (outcome.ending, outcome.code) == ("failed", 1)
    assert [each["rule"] for each in outcome.data["findings"]] == ["ENV010", "ENV010"]
    assert "2 mistake(s)" in outcome.message
    assert key["OPENAI_API_KEY"] not in str(outcome)


def test_a_third_environment_does_not_count(tmp_path: Path) -> None:
    """Its mistakes are `env.check`'s."""
    key = {"OPENAI_API_KEY": good("staging")["OPENAI_API_KEY"]}

    assert diff(desk_of(tmp_path, {"development": key}), REQUEST).ending == "done"


def test_an_environment_is_not_compared_with_itself(tmp_path: Path) -> None:
    """Not under an alias either."""
    with pytest.raises(Refused, match="are both production"):
        diff(desk_of(tmp_path), DiffRequest(from_="production", to="prod"))


def test_the_hosts_are_asked_where_there_is_a_token(tmp_path: Path) -> None:
    """GitHub about the repository of the remote, Supabase about the project of `SUPABASE_URL`."""
    tokens = {"SUPABASE_ACCESS_TOKEN": TOKEN, "GITHUB_TOKEN": github.TOKEN}
    with github.serving() as hub, serving() as server:
        server.answers[f"/v1/projects/{PROJECTS['staging']}/secrets"] = text('[{"name": "LEFT_OVER"}]')
        hub.answers["/environments/staging/secrets"] = 200, {"secrets": [{"name": "ONLY_AT_GITHUB"}]}
        apis = {"secrets__supabase_api": server.url, "secrets__github_api": hub.url}
        outcome = diff(desk_of(tmp_path, {"staging": tokens}, **apis), REQUEST)

    drift = {
        (each["host"], each["environment"], each["name"]): each["state"] for each in outcome.data["drift"]
    }
    assert drift["Supabase", "staging", "LEFT_OVER"] == "only there"
    assert drift["Supabase", "staging", "OPENAI_API_KEY"] == "only here"
    assert drift["GitHub", "staging", "ONLY_AT_GITHUB"] == "only there"
    assert drift["GitHub", "staging", "DATABASE_URL"] == "only here"
    assert {environment for _, environment, _ in drift} == {"staging"}


def test_a_host_without_an_answer_is_a_warning_and_no_drift(tmp_path: Path) -> None:
    """Everything would seem to be missing there."""
    with serving() as server:
        desk = desk_of(
            tmp_path, {"staging": {"SUPABASE_ACCESS_TOKEN": TOKEN}}, secrets__supabase_api=server.url
        )
        outcome = diff(desk, REQUEST)

    assert (outcome.ending, outcome.data["drift"]) == ("done", [])
    assert isinstance(desk.progress, Notes)
    assert ["its drift is not known" in note for note in desk.progress.lines] == [True]


def test_a_remote_elsewhere_is_not_asked_about_at_github(tmp_path: Path) -> None:
    """The token would go to a host that knows nothing of the repository."""
    with github.serving() as hub:
        desk = desk_of(tmp_path, {"staging": {"GITHUB_TOKEN": github.TOKEN}}, secrets__github_api=hub.url)
        Repository(tmp_path).git("remote", "set-url", "origin", "git@gitlab.com:o/r.git")
        diff(desk, REQUEST)

    assert hub.asked == []
