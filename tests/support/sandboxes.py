"""Sandboxes for tests: the same world, with shorter waits and fewer installations of the same packages."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.sandbox import world
from scripts.sandbox.world_facts import World

# seconds; that a Publish failed is believed when its status says so twice, three seconds apart
VERIFY_TIMEOUT = "timeout = 8"
WAITS = {"timeout = 20\ninterval = 0.5": f"{VERIFY_TIMEOUT}\ninterval = 0.2", "ttl = 5": "ttl = 3"}
# npm and the type checker take two thirds of `npm run build`, which `invoke demo` runs whole
VITE = '[app]\nbuild = ["node_modules/.bin/vite", "build"]\n'


@contextmanager
def sandbox(folder: Path) -> Iterator[World]:
    """A world with the sample app, taken down at the end."""
    made = world.up(folder, on_step=lambda _step: None)
    try:
        _configure(made)
        for environment in made.environments[1:]:  # development's workspace runs `npm ci` itself
            _install(made.clone, environment.workspace)
        yield made
    finally:
        world.down(folder, on_step=lambda _step: None)


def _configure(made: World) -> None:
    file = made.env_dir / "pipeline.toml"
    text = file.read_text()
    for old, new in {**WAITS, "[app]\n": VITE}.items():
        assert old in text, old
        text = text.replace(old, new)
    file.write_text(text)


def _install(clone: Path, workspace: Path) -> None:
    """Give a workspace the clone's packages, hard-linked, and note that they are installed.

    Where the note is not what `workspace.sh` expects, the first release installs them again.
    """
    shutil.copytree(
        clone / "node_modules",
        workspace / "node_modules",
        symlinks=True,
        copy_function=lambda source, target: Path(target).hardlink_to(source),
    )
    argv = ["git", "-C", str(workspace), "hash-object", "package-lock.json"]
    lockfile = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()
    state = workspace / ".git" / "release-desk"
    state.mkdir()
    (state / "installed").write_text(f"{lockfile} modules\n")
