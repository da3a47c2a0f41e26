"""What `test-e2e` refuses before it starts: journeys of another app, a missing package."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scripts.config.settings import E2E
from scripts.errors import Refused
from scripts.quality.e2e import pytest_run
from scripts.quality.e2e.prerequisites import SHIPPED_NEED, require_what_journeys_need
from tests.fakes.world import World

VALUES = dict.fromkeys(SHIPPED_NEED, "https://stage.supabase.co")


def required(world: World, values: dict[str, str], *built: str, **e2e: object) -> None:
    """Look at what staging has."""
    app = world.settings.app._replace(build_variables=built)
    world.settings = replace(world.settings, app=app, e2e=E2E(**e2e))  # type: ignore[arg-type]
    desk = world.desk(values=lambda _: values)
    require_what_journeys_need(desk, world.settings.environment("staging"))


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pytest_run, "missing_package", lambda: "")


@pytest.mark.parametrize(
    ("values", "built", "missing"),
    [
        ({}, (), SHIPPED_NEED),
        (VALUES, SHIPPED_NEED[1:], SHIPPED_NEED[:1]),
        ({**VALUES, SHIPPED_NEED[2]: ""}, SHIPPED_NEED, SHIPPED_NEED[2:]),
    ],
    ids=["a stranger's app", "not handed on", "an empty value"],
)
def test_the_shipped_journeys_are_refused_where_they_do_not_fit(
    world: World, values: dict[str, str], built: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    """By the names that are missing; the hint says how an app brings its own."""
    with pytest.raises(Refused, match="the shipped ones are the sample app's") as refused:
        required(world, values, *built)

    assert missing == tuple(name for name in SHIPPED_NEED if f"`{name}`" in refused.value.message)
    assert "`.env.staging`" in refused.value.message
    assert "`[e2e] path`" in str(refused.value.hint)
    assert "`[e2e] command`" in str(refused.value.hint)


@pytest.mark.parametrize("e2e", [{"path": "journeys"}, {"command": ("npx",)}, {"smoke_command": ("npx",)}])
def test_an_apps_own_tests_bring_what_they_need(
    world: World, monkeypatch: pytest.MonkeyPatch, e2e: dict[str, object]
) -> None:
    """Nothing of the sample app's is asked for."""
    monkeypatch.setattr(pytest_run, "missing_package", lambda: "playwright")
    required(world, {}, **e2e)


def test_a_missing_browser_driver_is_no_skip(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is named, with what installs it."""
    required(world, VALUES, *SHIPPED_NEED)
    monkeypatch.setattr(pytest_run, "missing_package", lambda: "playwright")
    with pytest.raises(Refused, match="`playwright`, which is not installed"):
        required(world, VALUES, *SHIPPED_NEED)
