"""The code of a world: the bare origin, the developer's clone, the hosts' workspaces.

Each is made beside and renamed, so what exists is whole and an interrupted `up` can be repeated.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from scripts.sandbox import leftovers
from scripts.sandbox.world_facts import CHAIN, World
from scripts.shell.command import Command
from scripts.shell.runner import run

NAME, EMAIL = "Ada Sandbox", "ada@airhost.example"
MAIN: Final = "main"
# Nobody's own git settings (signing, hooks, templates) shall change what a world is.
GIT_ENV: Final = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": NAME,
    "GIT_AUTHOR_EMAIL": EMAIL,
    "GIT_COMMITTER_NAME": NAME,
    "GIT_COMMITTER_EMAIL": EMAIL,
}


def make_origin(world: World, app: Path) -> None:
    """A bare repository whose three branches stand at one commit: the app.

    Raises:
        CommandFailed: git failed.
    """
    if world.origin.exists():
        return
    seed, bare = _fresh(world.folder / ".seed"), _fresh(world.folder / ".origin")
    left_out = shutil.ignore_patterns("node_modules", "dist", ".git", ".env", ".vite")
    shutil.copytree(app, seed, symlinks=True, ignore=left_out)
    branches = [branch for _, _, branch in CHAIN]
    _git(world, seed, "init", "--quiet", "--initial-branch", branches[0])
    _git(world, seed, "add", "--all")
    _git(world, seed, "commit", "--quiet", "--message", "Airhost sample app")
    _git(world, world.folder, "init", "--quiet", "--bare", "--initial-branch", MAIN, str(bare))
    _git(world, bare, "config", "receive.denyNonFastForwards", "true")
    refs = [f"HEAD:refs/heads/{branch}" for branch in branches]
    _git(world, seed, "push", "--quiet", str(bare), *refs)
    bare.rename(world.origin)
    shutil.rmtree(seed)


def make_clone(world: World) -> None:
    """The developer's checkout of `develop`, with an author of its own."""
    if world.clone.exists():
        return
    beside = _fresh(world.folder / ".clone")
    _git(
        world,
        world.folder,
        "clone",
        "--quiet",
        "--branch",
        "develop",
        str(world.origin),
        str(beside),
    )
    _git(world, beside, "config", "user.name", NAME)
    _git(world, beside, "config", "user.email", EMAIL)
    beside.rename(world.clone)


def make_workspaces(world: World) -> None:
    """A checkout of its branch for each host; `node_modules` is the release's business."""
    for each in world.environments:
        if each.workspace.exists():
            continue
        each.host.mkdir(parents=True, exist_ok=True)
        beside = _fresh(each.host / ".workspace")
        argv = ("clone", "--quiet", "--branch", each.branch, str(world.origin), str(beside))
        _git(world, world.folder, *argv)
        beside.rename(each.workspace)


def install_packages(world: World) -> bool:
    """`npm ci` in the clone (it brings the Supabase CLI); False if there was nothing to do.

    Raises:
        CommandFailed: npm failed, its last words say why.
        CommandTimedOut: ten minutes were not enough.
    """
    # npm writes this file at the very end.
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


def _git(world: World, folder: Path, *arguments: str) -> None:
    env = {**GIT_ENV, leftovers.WORK: str(world.folder)}
    run(Command(("git", *arguments), cwd=folder, env=env, timeout=120))


def _fresh(path: Path) -> Path:
    """The path, with whatever an interrupted `up` left there removed."""
    if path.exists():
        shutil.rmtree(path)
    return path
