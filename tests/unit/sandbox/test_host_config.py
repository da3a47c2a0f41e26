"""A host's configuration is written and read again, and private files are private at any time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts.sandbox import host_config
from scripts.sandbox.host_config import FAULTS, write_private
from scripts.sandbox.world_facts import World


def test_a_configuration_is_read_again(world: World) -> None:
    """With its paths; its secrets are in no `repr`."""
    config = world.environment("staging").host_config()
    config.folder.mkdir(parents=True)
    config.save()

    assert host_config.load(config.folder) == config
    assert (config.folder / "host.json").stat().st_mode & 0o777 == 0o600
    assert config.mcp_token not in repr(config)


def test_nothing_of_the_environment_points_outside(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the person's home nor npm's cache is used."""
    monkeypatch.setenv("HOME", "/home/person")
    config = world.environment("staging").host_config()
    paths = [value for value in config.environ().values() if value.startswith("/")]

    assert len(paths) > 4
    assert [path for path in paths if not Path(path).is_relative_to(world.folder)] == []
    assert config.environ()["DATABASE_URL"] == world.environment("staging").database_url


@pytest.mark.parametrize(
    ("content", "faults"), [(None, {}), ("no json", {}), ('{"ssh": "down"}', {"ssh": "down"})]
)
def test_faults_are_read_each_time(world: World, content: str | None, faults: dict[str, str]) -> None:
    """None without a file."""
    config = world.environment("staging").host_config()
    config.folder.mkdir(parents=True)
    if content is not None:
        (config.folder / "faults.json").write_text(content)

    assert config.faults() == faults
    assert "down" in FAULTS["ssh"]


def test_a_private_file_replaces_an_open_one(tmp_path: Path) -> None:
    """Text as it is, anything else as JSON; nothing is left beside."""
    file = tmp_path / "file"
    file.touch(mode=0o666)
    write_private(file, "text\n")

    assert (file.read_text(), file.stat().st_mode & 0o777) == ("text\n", 0o600)

    write_private(file, {"a": [1]})

    assert json.loads(file.read_text()) == {"a": [1]}
    assert list(tmp_path.iterdir()) == [file]
