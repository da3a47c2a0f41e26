"""The origin, the clone and the workspaces of a world are made whole, whatever git is configured to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from git import Repo

from scripts.errors import CommandFailed
from scripts.git.command import drop_git_variables
from scripts.sandbox import world_code, world_facts
from scripts.sandbox.world_facts import World
from scripts.system.network import CERTIFICATES
from tests.support.repositories import Repository


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An app with a few files, and some that must not be committed."""
    folder = tmp_path_factory.mktemp("app")
    (folder / "server").mkdir(parents=True)
    (folder / "node_modules").mkdir()
    (folder / "server" / "index.js").write_text("serve()\n")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "node_modules" / "left_out").touch()
    (folder / ".env").write_text("SECRET=1\n")
    (folder / ".gitignore").write_text("*.log\n")
    (folder / "debug.log").touch()
    return folder


@pytest.fixture(scope="module")
def made(app: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world with its code, which no test changes."""
    world = world_facts.invent(tmp_path_factory.mktemp("made"))
    world_code.make_origin(world, app)
    world_code.make_clone(world)
    world_code.make_workspaces(world)
    return world


def test_the_branches_start_at_one_commit_of_the_app(made: World) -> None:
    """Without what git ignores or what a checkout gets by itself; modes are kept."""
    origin = Repository(made.origin)

    assert set(origin.refs()) == {"refs/heads/develop", "refs/heads/staging", "refs/heads/main"}
    assert len(set(origin.refs().values())) == 1
    assert origin.git("symbolic-ref", "HEAD") == "refs/heads/main"
    assert origin.git("ls-tree", "-r", "--name-only", "main").splitlines() == [
        *(".gitignore", "run.sh", "server/index.js")
    ]
    assert origin.git("ls-tree", "main", "run.sh").startswith("100755")
    assert origin.git("log", "-1", "--format=%an <%ae>", "main") == "Ada Sandbox <ada@airhost.example>"
    assert origin.git("fsck", "--strict") == ""


def test_the_origin_takes_no_forced_push(made: World) -> None:
    """As the team's server is set."""
    with Repo(made.origin) as origin:
        assert origin.config_reader("repository").get_value("receive", "denyNonFastForwards") is True


def test_the_clone_is_a_developers_checkout(made: World) -> None:
    """Of `develop`, with an author, and clean."""
    clone = Repository(made.clone)

    assert clone.git("rev-parse", "--abbrev-ref", "HEAD") == "develop"
    assert clone.git("config", "user.email") == "ada@airhost.example"
    assert clone.git("config", "remote.origin.url") == str(made.origin)
    assert clone.git("status", "--porcelain") == ""


def test_each_workspace_is_at_its_branch(made: World) -> None:
    """One for each host."""
    branches = {
        environment.branch: Repository(environment.workspace).git("rev-parse", "--abbrev-ref", "HEAD")
        for environment in made.environments
    }

    assert branches == {"develop": "develop", "staging": "staging", "main": "main"}


def test_a_second_time_changes_nothing(made: World, tmp_path: Path) -> None:
    """What stands is left alone, also when the app has changed since."""
    before = Repository(made.origin).refs()
    world_code.make_origin(made, tmp_path)
    world_code.make_clone(made)
    world_code.make_workspaces(made)

    assert Repository(made.origin).refs() == before


def test_what_an_interrupted_up_left_is_replaced(world: World, app: Path) -> None:
    """Half-made folders carry other names than whole ones."""
    for name in (".seed", ".origin", ".clone"):
        (world.folder / name).mkdir()
        (world.folder / name / "half").touch()
    world_code.make_origin(world, app)
    world_code.make_clone(world)

    assert sorted(path.name for path in world.folder.iterdir()) == ["clone", "origin.git", "world.json"]


def test_the_persons_git_settings_do_not_matter(
    world: World, app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A configuration that signs each commit would fail here; a hook's `GIT_DIR` would mislead git."""
    settings = tmp_path / "gitconfig"
    settings.write_text("[commit]\n gpgsign = true\n[gpg]\n program = /nonexistent\n")
    outer = Repository(tmp_path)
    outer.git("init", "-q")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    drop_git_variables()
    world_code.make_origin(world, app)

    assert not [name for name in os.environ if name.startswith("GIT_") and name not in CERTIFICATES]
    assert outer.refs() == {}
    assert not (tmp_path / "index").exists()
    assert len(Repository(world.origin).refs()) == 3


def test_a_failing_git_command_is_an_error_of_another_program(made: World) -> None:
    """With what git said."""
    with (
        pytest.raises(CommandFailed, match="no-such-ref"),
        world_code.repository(made.clone, made.folder) as repo,
    ):
        repo.git.rev_parse("no-such-ref", verify=True)


def test_packages_are_installed_once(world: World) -> None:
    """An app without a lock file has none; one that is installed is left alone."""
    (world.clone / "node_modules").mkdir(parents=True)

    assert world_code.install_packages(world) is False

    (world.clone / "package-lock.json").write_text("{}")
    (world.clone / "node_modules" / ".package-lock.json").touch()

    assert world_code.install_packages(world) is False
