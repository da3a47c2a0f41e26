"""Sentry is told of a release, by real requests to the stand-in; whatever it says, the release is done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from scripts.config.desk import Desk
from scripts.config.parse import parse
from scripts.config.settings import Notices
from scripts.config.settings import Sentry as SentrySettings
from scripts.errors import ConfigError
from scripts.git.client import Commit
from scripts.notify.sentry import TOKEN, Deployed, telling, version
from tests.fakes import world as fakes
from tests.fakes.world import World
from tests.support.sentry import KEY, Told, sentry

COMMIT = "c" * 40
DEPLOYED = Deployed(
    "v41",
    COMMIT,
    (Commit("d" * 40, "Ada", "2026-11-29T10:00:00+00:00", "Say Paris"),) * 120,
    "2026-11-30T10:00:00+00:00",
    "2026-11-30T10:01:00+00:00",
)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    with sentry(tmp_path_factory.mktemp("sentry")) as made:
        yield made


def desk(world: World, told: Told, **changes: Any) -> Desk:
    known = SentrySettings("sandbox", ("sandbox",), f"http://127.0.0.1:{told.port}")
    settings = replace(world.settings, sentry=known._replace(**changes), notices=Notices(budget=5))
    return world.desk(settings=settings, values=lambda _: {TOKEN: KEY})


def tell(at: Desk) -> str:
    """What the terminal says of it."""
    with telling(at, at.settings.environment("staging"), DEPLOYED):
        pass
    return "\n".join(cast(fakes.Notes, at.progress).lines)


def test_a_release_is_told_with_its_commits_and_its_deploy(world: World, told: Told) -> None:
    """Once more it is known already, and has another deploy."""
    told.calls()
    at = desk(world, told)

    assert tell(at) == tell(at) == ""
    release, deploy, counts, *again = told.calls()
    assert (release["method"], release["path"]) == ("POST", "/api/0/organizations/sandbox/releases/")
    assert release["payload"]["version"] == COMMIT
    assert release["payload"]["commits"][0] == {
        "id": "d" * 40,
        "author_name": "Ada",
        "timestamp": "2026-11-29T10:00:00+00:00",
        "message": "Say Paris",
    }
    assert len(release["payload"]["commits"]) == 100
    assert deploy["payload"] == {
        "environment": "staging",
        "name": "v41",
        "url": world.settings.environment("staging").url,
        "dateStarted": DEPLOYED.started,
        "dateFinished": DEPLOYED.finished,
    }
    assert (counts["method"], counts["payload"]) == ("PUT", {"dateReleased": DEPLOYED.finished})
    assert len(again) == 3


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"organization": "other"}, "knows no such organization or project"),
        ({"projects": ("other",)}, "answers 400"),
        ({"url": "http://127.0.0.1:9"}, "gave no answer"),
    ],
)
def test_what_is_set_wrongly_is_a_warning(
    world: World, told: Told, changes: dict[str, Any], words: str
) -> None:
    said = tell(desk(world, told, **changes))

    assert said.startswith("warning: Sentry does not know of this: ")
    assert words in said


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        ([{"status": 429, "headers": {"Retry-After": "1"}}], ""),
        ([{"status": 429}] * 2, "answers 429"),
        ([{"status": 429, "headers": {"Retry-After": "900"}}], "answers 429"),
        ([{"status": 403}], "lacks a scope"),
        ([{"status": 500, "body": KEY}], "answers 500"),
        ([{"status": 200, "body": "<html>"}], "gave no JSON"),
    ],
)
def test_what_sentry_answers_is_no_failure(
    world: World, told: Told, faults: list[dict[str, Any]], words: str
) -> None:
    """A limit is waited out once; nothing that it says is repeated."""
    told.play(*faults)
    said = tell(desk(world, told))

    assert words in said
    assert bool(said) == bool(words)
    assert KEY not in said


def test_without_a_token_or_an_organization(world: World, told: Told) -> None:
    """The one is a warning, the other means that nobody is told."""
    told.calls()
    at = desk(world, told)

    assert "`SENTRY_AUTH_TOKEN` is not set" in tell(replace(at, values=lambda _: {}))
    assert tell(desk(world, told, organization="", projects=())) == ""
    assert told.calls() == []


def test_the_name_of_a_release() -> None:
    assert version(SentrySettings(version="{app}@{commit}"), "airhost", COMMIT) == f"airhost@{COMMIT}"


@pytest.mark.parametrize(
    "table",
    [
        {"organization": "a/b", "projects": ["p"]},
        {"organization": "acme"},
        {"projects": ["p"]},
        {"organization": "acme", "projects": ["p"], "version": "v1"},
        {"organization": "acme", "projects": ["p"], "version": "{commit}/x"},
        {"organization": "acme", "projects": ["p"], "url": "sentry.io"},
        {"organization": "acme", "projects": ["p"], "url": "http://sentry.example.org"},
    ],
)
def test_faulty_settings_are_refused(table: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="sentry"):
        parse({"chain": ["dev"], "environment": {"dev": ENVIRONMENT}, "sentry": table})


ENVIRONMENT = {"branch": "main", "url": "https://a.example.org", "ssh_host": "h", "publish": "manual"}
