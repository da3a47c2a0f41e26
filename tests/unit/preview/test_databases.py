"""The databases of previews are never near an environment's."""

from __future__ import annotations

import pytest

from scripts.errors import ConfigError, Refused
from scripts.preview.databases import ServerDatabases, server_databases
from tests.fakes.previews import Previews

HERE = "postgresql://previews@previews.example.org/postgres"


def made(previews: Previews, url: str, app: str = "My App! é") -> ServerDatabases:
    """By this address in `.env.preview`."""
    settings = previews.world.settings
    object.__setattr__(settings, "app", settings.app._replace(name=app))
    return server_databases(previews.world.desk(), {"DATABASE_URL": url} if url else {})


def test_names_are_of_the_app_and_the_slot(previews: Previews) -> None:
    """Short enough, and told apart."""
    databases = made(previews, HERE)

    assert databases.name("one") == "preview_my_app_one"
    assert databases.name("a-b") == "preview_my_app_a_b"
    assert len(made(previews, HERE, app="x" * 90).name("s" * 20)) <= 63
    assert databases.described("one") == {"kind": "server", "name": "preview_my_app_one"}


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://p@production.example.org/other", "the server of production"),
        ("postgresql://p@Production.example.org/postgres", "the database of production"),
        ("postgresql://p@staging.example.org/postgres", "the database of staging"),
        ("postgresql://p@development.example.org/postgres", "the database of development"),
    ],
)
def test_a_server_of_an_environment_is_refused(previews: Previews, url: str, why: str) -> None:
    """Its database always; any other database of it, where it is guarded."""
    with pytest.raises(Refused, match=why):
        made(previews, url)
    assert made(previews, "postgresql://p@staging.example.org/other").server.name == "other"


def test_no_server_is_named(previews: Previews) -> None:
    """The hint says where, and how to do without."""
    with pytest.raises(ConfigError, match=r"`DATABASE_URL` of `\.env\.preview` is missing") as caught:
        made(previews, "")
    assert "PREVIEW_DATABASE_URL" in str(caught.value.hint)
