"""The configuration that a world is given is valid, complete and private."""

from __future__ import annotations

import tomllib

from scripts.config import env_files
from scripts.config.parse import parse
from scripts.sandbox.desk_files import write_desk_files
from scripts.sandbox.world_facts import World


def test_the_desk_can_read_it(world: World) -> None:
    """Every environment with its branch, URL and workspace; production is guarded."""
    write_desk_files(world)
    settings = parse(tomllib.loads((world.env_dir / "pipeline.toml").read_text()))
    rows = [(each.name, each.branch, each.url, each.workspace, each.guarded) for each in settings]

    assert settings.app.repository == str(world.clone)
    assert rows == [
        (each.name, each.branch, each.url, str(each.workspace), each.name == "production")
        for each in world.environments
    ]


def test_values_are_private_and_follow_the_grammar(world: World) -> None:
    """The password is in no URL."""
    write_desk_files(world)
    for environment in world.environments:
        file = world.env_dir / f".env.{environment.name}"
        values = dict(line.split("=", 1) for line in file.read_text().splitlines())

        assert file.stat().st_mode & 0o777 == 0o600
        assert all(env_files.LINE.fullmatch(line) for line in file.read_text().splitlines())
        assert world.password not in values["DATABASE_URL"]
        assert values["DATABASE_PASSWORD"] == world.password
        assert values["VITE_SITE_URL"] == environment.url


def test_rules_that_a_person_tries_are_kept(world: World) -> None:
    """`masking.toml` is written once, the rest each time."""
    write_desk_files(world)
    for name in ("masking.toml", "pipeline.toml"):
        (world.env_dir / name).write_text("# mine\n")
    write_desk_files(world)

    assert (world.env_dir / "masking.toml").read_text() == "# mine\n"
    assert (world.env_dir / "pipeline.toml").read_text() != "# mine\n"
