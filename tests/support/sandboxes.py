"""Sandboxes for tests: the same world, with shorter waits and fewer installations of the same packages."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest

from scripts.sandbox import launcher_app, world, world_code
from scripts.sandbox.world_facts import World

# seconds; that a Publish failed is believed when its status says so twice, three seconds apart
VERIFY_TIMEOUT = "timeout = 8"
WAITS = {"timeout = 20\ninterval = 0.5": f"{VERIFY_TIMEOUT}\ninterval = 0.2", "ttl = 5": "ttl = 3"}
SLOW = {"timeout = 20\ninterval = 0.5": "timeout = 60\ninterval = 0.2", "ttl = 5": "ttl = 3"}
# npm and the type checker take two thirds of `npm run build`, which `invoke demo` runs whole
NO_FUNCTIONS = '\n[supabase]\nfunctions = ""\n'
VITE = '[app]\nbuild = ["node_modules/.bin/vite", "build"]\n'


def ready_slot(made: World, name: str) -> None:
    """Give a slot of previews its workspace with packages; its host starts when `ssh` first asks for it."""
    slot = next(each for each in made.slots if each.name == name)
    if not slot.workspace.exists():
        world_code.make_workspace(made, slot)
        _install(made.clone, slot.workspace)


@contextmanager
def sandbox(
    factory: pytest.TempPathFactory, name: str, *, functions: bool = False, driver: str = ""
) -> Iterator[World]:
    """A world with the sample app, taken down at the end.

    What is released by launcher (`driver`) is built with the clone's packages.

    Without `functions` its releases leave the Edge Functions alone: deploying one costs two seconds.

    The first world of a run gets its packages by `npm ci`: in the clone, and with the first release in
    development's workspace. All other folders have hard links to them.
    """
    folder, packages = factory.mktemp(name) / "sandbox", _common(factory) / "packages"
    installed: list[bool] = []
    npm_ci = world_code.install_packages

    def install(made: World) -> None:
        installed.append(_packages(made, packages, npm_ci))

    build = f"cp -al {folder}/clone/node_modules . && node_modules/.bin/vite build"
    quick = {"install": None, "build_command": ["sh", "-c", build], "start_seconds": 20}
    with (
        patch.object(world_code, "install_packages", install),
        patch.dict(launcher_app.CHANGES, quick),
    ):
        made = world.up(folder, on_step=lambda _step: None, driver=driver)
    try:
        _configure(made, functions=functions, waits=SLOW if driver else WAITS)
        for environment in made.environments[1 if True in installed else 0 :]:
            if not environment.launcher_token:
                _install(made.clone, environment.workspace)
        yield made
    finally:
        world.down(folder, on_step=lambda _step: None)


def _common(factory: pytest.TempPathFactory) -> Path:
    """The folder that all workers of a run share."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def _packages(made: World, packages: Path, npm_ci: Callable[[World], bool]) -> bool:
    """Give the clone its packages; True if `npm ci` brought them, and `packages` has them now."""
    with packages.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if packages.exists():
            _link(packages, made.clone / "node_modules")
            return False
        npm_ci(made)
        half = packages.with_suffix(".half")
        _link(made.clone / "node_modules", half)
        half.rename(packages)
        return True


def _configure(made: World, *, functions: bool, waits: Mapping[str, str]) -> None:
    file = made.env_dir / "pipeline.toml"
    text = file.read_text()
    if not functions:
        text += NO_FUNCTIONS
    for old, new in {**waits, "[app]\n": VITE}.items():
        assert old in text, old
        text = text.replace(old, new)
    file.write_text(text)


def _link(source: Path, target: Path) -> None:
    """The same files in another folder; npm and Vite replace files, and change none in place."""
    shutil.copytree(
        source, target, symlinks=True, copy_function=lambda old, new: Path(new).hardlink_to(old)
    )


def _install(clone: Path, workspace: Path) -> None:
    """Give a workspace the clone's packages, and note that they are installed.

    Where the note is not what `workspace.sh` expects, the first release installs them again.
    """
    _link(clone / "node_modules", workspace / "node_modules")
    argv = ["git", "-C", str(workspace), "hash-object", "package-lock.json"]
    lockfile = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()
    state = workspace / ".git" / "release-desk"
    state.mkdir()
    (state / "installed").write_text(f"{lockfile} modules\n")
