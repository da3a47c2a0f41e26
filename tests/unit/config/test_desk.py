"""What a workflow works with: the variables of a build, and the clocks."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from scripts.config.desk import Desk, Progress
from scripts.console import Console
from scripts.errors import Refused
from scripts.system.background import boottime
from tests.fakes.world import Notes, World, ending


def desk_with(world: World, names: tuple[str, ...], values: dict[str, str]) -> Desk:
    """A desk whose app's build gets these names."""
    app = world.settings.app._replace(build_variables=names)
    return world.desk(settings=replace(world.settings, app=app), values=lambda _: values)


def test_a_build_gets_its_variables_and_no_others(world: World) -> None:
    """An empty value is a value."""
    desk = desk_with(world, ("VITE_B", "VITE_A"), {"VITE_A": "1", "VITE_B": "", "DATABASE_URL": "secret"})

    assert desk.build_variables(world.settings.environments["staging"]) == {"VITE_B": "", "VITE_A": "1"}


def test_a_build_that_lacks_variables_is_refused(world: World) -> None:
    """All of them are named, with the file in which they are set."""
    desk = desk_with(world, ("VITE_A", "VITE_B", "VITE_C"), {"VITE_B": "1"})
    error = ending(lambda: desk.build_variables(world.settings.environments["staging"]))

    assert type(error) is Refused
    assert "the build of staging needs `VITE_A`, `VITE_C`" in error.message
    assert str(desk.config_folder / ".env.staging") in str(error.hint)


def test_the_clock_of_a_desk_goes_on_while_the_machine_sleeps() -> None:
    """A lock that its owner overslept must not look fresh to him."""
    defaults = {each.name: each.default for each in fields(Desk)}

    assert defaults["clock"] is boottime


@pytest.mark.parametrize("kind", [Notes, Console])
def test_whatever_shows_progress_has_every_way_to_show_it(kind: type) -> None:
    """The console, and what tests record with."""
    wanted = {name for name in vars(Progress) if not name.startswith("_")}

    assert wanted - set(dir(kind)) == set()
