"""`[preview]`: times, slots, and what no slot may share."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.config.preview_settings import seconds_of
from scripts.config.slots import environment_of
from scripts.errors import ConfigError
from tests.support.tables import settings

GOOD = {"url": "https://one.example.org", "ssh_host": "one", "repl_id": "id-of-one"}


@pytest.mark.parametrize(
    ("ttl", "seconds"),
    [
        ("1s", 1), ("90m", 5400), ("12h", 43_200), ("30d", 2_592_000),
        ("31d", None), ("0d", None), ("3", None), ("d", None), ("-1d", None), ("1w", None),
        ("1.5h", None), ("", None),
    ],
)  # fmt: skip
def test_a_time(ttl: str, seconds: int | None) -> None:
    """Of at most thirty days."""
    assert seconds_of(ttl) == seconds


def test_a_slot_is_an_environment_of_its_own() -> None:
    """In no chain; its access is that of an environment."""
    found = settings(preview__slots={"one": {**GOOD, "header": "Authorization"}})
    environment = environment_of("one", found.preview.slots["one"])

    assert (environment.name, environment.url, environment.ssh_host) == (
        *("preview-one", "https://one.example.org"),
        "one",
    )
    assert (environment.access.header, environment.access.prefix) == ("Authorization", "Bearer ")
    assert not environment.guarded
    assert "preview-one" not in found.names


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"preview__ttl": "99d"}, "`preview.ttl` should be a time"),
        ({"preview__borrow": ["SECRET"]}, "`preview.borrow` names `SECRET`"),
        ({"preview__database": "here"}, "`preview.database` should be"),
        ({"preview__slot": {}}, "did you mean `preview.slots`"),
        ({"preview__slots": {"Two": GOOD}}, "a slot's name should be"),
        ({"preview__slots": {"one": {**GOOD, "publish": "push"}}}, "`preview.slots.one.publish` should be"),
        ({"preview__slots": {"one": {**GOOD, "repl_id": ""}}}, "`preview.slots.one.repl_id` is missing"),
        ({"preview__slots": {"one": {**GOOD, "url": "x"}}}, "`preview.slots.one.url` should be"),
        (
            {"preview__slots": {"one": {**GOOD, "ssh_host": "prod"}}},
            "`preview.slots.one.ssh_host` is the one of `environment.production.ssh_host`",
        ),
        (
            {"preview__slots": {"one": {**GOOD, "url": "https://example.org/"}}},
            "`preview.slots.one.url` is the one of `environment.production.url`",
        ),
        (
            {"preview__slots": {"one": GOOD, "two": {**GOOD, "url": "https://two.example.org"}}},
            "`preview.slots.two.repl_id` is the one of `preview.slots.one.repl_id`",
        ),
    ],
)
def test_a_fault_is_named(changes: dict[str, Any], fault: str) -> None:
    """With its path, before anything is read or changed."""
    with pytest.raises(ConfigError) as caught:
        settings(**changes)
    assert fault in caught.value.message


def test_an_environment_is_not_called_like_a_slot() -> None:
    """Lock and candidate of both would be one."""
    chain = {"chain": ["development", "staging", "production", "preview-one"]}
    more = {"branch": "x", "url": "https://x.example.org", "ssh_host": "x", "repl_id": "x"}
    with pytest.raises(ConfigError, match="is a name of previews"):
        settings(**chain, **{"environment__preview-one": more}, preview__slots={"one": GOOD})
