"""The code of a world: the bare origin, the developer's clone, the hosts' workspaces.

Each is made in a temporary folder and renamed, so an interrupted `up` can be repeated. GitPython
makes them: they are the sandbox's own, and no name from outside reaches git as an option or a URL.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scripts.config.parse import parse
from scripts.errors import CommandFailed, DeskError
from scripts.replit.build_log import quoted_reason
from scripts.sandbox.launcher_app import add_launcher
from scripts.sandbox.own_app import OwnApp
from scripts.sandbox.world_facts import Environment, World
from scripts.system import leftovers
from scripts.system.command import Command
from scripts.system.process import attempt, quoted_lines, run

if TYPE_CHECKING:
    from git import Repo

NAME, EMAIL = "Ada Sandbox", "ada@airhost.example"
MAIN: Final = "main"
# A person's own git settings (signing, hooks, templates) must not change what a world is.
GIT_ENV: Final = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": NAME,
    "GIT_AUTHOR_EMAIL": EMAIL,
    "GIT_COMMITTER_NAME": NAME,
    "GIT_COMMITTER_EMAIL": EMAIL,
}


@contextlib.contextmanager
def repository(folder: Path, world_folder: Path) -> Iterator[Repo]:
    """A repository of the world; its git commands see `GIT_ENV` and can be found by `leftovers`.

    Raises:
        CommandFailed: a git command in the block failed.
    """
    from git import GitError, Repo

    try:
        with Repo(folder, expand_vars=False) as repo:
            repo.git.update_environment(**GIT_ENV, **{leftovers.WORK: str(world_folder)})
            yield repo
    except GitError as fault:
        raise _failed(folder, fault) from None


def make_origin(world: World, app: Path) -> None:
    """Make a bare repository whose three branches stand at one commit: the app.

    Raises:
        CommandFailed: git failed.
    """
    if world.origin.exists():
        return
    seed, bare = _fresh(world.folder / ".seed"), _fresh(world.folder / ".origin")
    left_out = shutil.ignore_patterns("node_modules", "dist", ".git", ".env", ".vite")
    shutil.copytree(app, seed, symlinks=True, ignore=left_out)
    if world.driver != "workspace":
        add_launcher(seed, world)
    branches = [environment.branch for environment in world.environments]
    with _initialised(seed, world, initial_branch=branches[0]) as repo:
        repo.git.add(all=True)
        repo.git.commit(message="Airhost sample app", quiet=True)
        with _initialised(bare, world, initial_branch=MAIN, bare=True) as origin:
            with origin.config_writer() as config:
                config.set_value("receive", "denyNonFastForwards", "true")
            repo.git.push(bare, *(f"HEAD:refs/heads/{branch}" for branch in branches), quiet=True)
    bare.rename(world.origin)
    shutil.rmtree(seed)


def make_origin_of(world: World, app: OwnApp) -> None:
    """Make a bare repository whose branches stand at the head of a person's checkout.

    Where it has no `.replit`, one commit adds that.

    Raises:
        CommandFailed: git failed.
    """
    if world.origin.exists():
        return
    seed, bare = _fresh(world.folder / ".seed"), _fresh(world.folder / ".origin")
    branches = [environment.branch for environment in world.environments]
    with _initialised(bare, world, initial_branch=branches[-1], bare=True) as origin:
        with origin.config_writer() as config:
            config.set_value("receive", "denyNonFastForwards", "true")
        origin.git.fetch(
            "--quiet", "--no-tags", "--update-shallow", app.checkout, f"HEAD:refs/heads/{branches[0]}"
        )
        if app.replit:
            with repository(bare, world.folder) as source:
                source.clone(seed, branch=branches[0]).close()
            with repository(seed, world.folder) as repo:
                (seed / ".replit").write_text(app.replit)
                repo.git.add(".replit", force=True)
                repo.git.commit(message="Tell Replit what Publish starts", quiet=True)
                repo.git.push("origin", f"HEAD:refs/heads/{branches[0]}", quiet=True)
            shutil.rmtree(seed)
        for branch in branches[1:]:
            origin.git.update_ref(f"refs/heads/{branch}", f"refs/heads/{branches[0]}")
    bare.rename(world.origin)


def make_clone(world: World) -> None:
    """Clone the first branch for the developer, with an author of its own.

    Raises:
        CommandFailed: git failed.
    """
    if world.clone.exists():
        return
    part = _fresh(world.folder / ".clone")
    with _cloned(world, part, world.environments[0].branch) as repo, repo.config_writer() as config:
        config.set_value("user", "name", NAME)
        config.set_value("user", "email", EMAIL)
    part.rename(world.clone)


def make_workspaces(world: World) -> None:
    """Clone each host's branch into its workspace; a release installs `node_modules` there.

    Raises:
        CommandFailed: git failed.
    """
    for environment in world.environments:
        make_workspace(world, environment)


def make_workspace(world: World, environment: Environment) -> None:
    """Clone one host's branch into its workspace, unless it is there."""
    if environment.workspace.exists():
        return
    environment.host.mkdir(parents=True, exist_ok=True)
    part = _fresh(environment.host / ".workspace")
    with _cloned(world, part, environment.branch):
        part.rename(environment.workspace)


def install_packages(world: World) -> bool:
    """Run `npm ci` in the clone (it brings the Supabase CLI); False if there was nothing to do.

    Raises:
        CommandFailed: npm failed; the message has its last lines.
        CommandTimedOut: it took over ten minutes.
    """
    # npm writes this file last
    done = world.clone / "node_modules" / ".package-lock.json"
    if done.exists() or not (world.clone / "package-lock.json").exists():
        return False
    env = {
        leftovers.WORK: str(world.folder),
        "npm_config_cache": str(world.npm_cache),
        "npm_config_logs_max": "0",
        "npm_config_update_notifier": "false",
    }
    argv = ("npm", "ci", "--no-audit", "--no-fund", "--prefer-offline")
    run(Command(argv, cwd=world.clone, env=env, timeout=600))
    return True


def install_packages_of(world: World, app: OwnApp) -> str:
    """Run the app's own install command in the clone, once; "" or why it failed."""
    settings = parse(dict(app.pipeline)).app
    place = world.clone / settings.folder
    if not settings.install or (place / "node_modules").exists():
        return ""
    env = {leftovers.WORK: str(world.folder), "npm_config_cache": str(world.npm_cache)}
    typed = " ".join(settings.install)
    try:
        result = attempt(Command(tuple(settings.install), cwd=place, env=env, timeout=600))
    except DeskError as fault:
        return f"`{typed}`: {fault.message}"
    said = quoted_reason(f"{result.text}\n{result.errors}")
    return f"`{typed}` ended with {result.code}{said}" if result.code else ""


@contextlib.contextmanager
def _initialised(folder: Path, world: World, **options: str | bool) -> Iterator[Repo]:
    from git import Git, GitError

    folder.mkdir(exist_ok=True)
    git = Git(folder)
    git.update_environment(**GIT_ENV)
    try:
        git.init(quiet=True, **options)
    except GitError as fault:
        raise _failed(folder, fault) from None
    with repository(folder, world.folder) as repo:
        yield repo


@contextlib.contextmanager
def _cloned(world: World, target: Path, branch: str) -> Iterator[Repo]:
    with repository(world.origin, world.folder) as origin:
        origin.clone(target, branch=branch).close()
    with repository(target, world.folder) as repo:
        yield repo


def _failed(folder: Path, fault: Exception) -> CommandFailed:
    return CommandFailed(f"git failed in `{folder}`{quoted_lines(str(fault))}")


def _fresh(path: Path) -> Path:
    """The path, after removing what an interrupted `up` left there."""
    if path.exists():
        shutil.rmtree(path)
    return path
