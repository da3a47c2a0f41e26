"""What Publish takes: a copy of the workspace as it is, and what `.replit` says about running it.

Uncommitted and untracked files are in it, as on Replit; `.git` is not.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

KEPT = 3


class PublishFailed(Exception):
    """A publish ended at `stage`; what was live stays live."""

    def __init__(self, stage: str, message: str) -> None:
        super().__init__(message)
        self.stage = stage
        self.message = message


@dataclass(frozen=True)
class Step:
    """A command of `.replit`: argv, and what it adds to the environment."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


def take(workspace: Path, target: Path) -> None:
    """Copy the workspace; `node_modules` is hard-linked, because nothing edits it in place.

    Raises:
        OSError, shutil.Error: a file can't be read, or the disk is full.
    """
    shutil.copytree(
        workspace,
        target,
        symlinks=True,
        copy_function=_copy,
        ignore=lambda folder, _: {".git"} if Path(folder) == workspace else set(),
    )


def _copy(source: str, target: str) -> str:
    if "/node_modules/" not in source:
        return shutil.copy2(source, target)
    os.link(source, target, follow_symlinks=False)
    return target


def steps(folder: Path) -> tuple[Step | None, Step]:
    """The build (None: none wanted) and run commands of `.replit`'s `[deployment]`.

    Raises:
        PublishFailed: there is no `.replit`, it is no TOML, or it says nothing to run.
    """
    try:
        deployment = tomllib.loads((folder / ".replit").read_text()).get("deployment", {})
        build, run = deployment.get("build"), deployment.get("run")
        if not run:
            raise PublishFailed("Provision", "`.replit` names no [deployment] run command")
        return (_step(build) if build else None), _step(run)
    except FileNotFoundError:
        raise PublishFailed("Provision", "the workspace has no `.replit`") from None
    except (tomllib.TOMLDecodeError, AttributeError, KeyError, TypeError) as fault:
        raise PublishFailed("Provision", f"`.replit` can't be read: {fault}") from None


def _step(said: str | list[str] | dict[str, object]) -> Step:
    """A text is a line for bash, a list is argv, a table is `{args, env}`."""
    if isinstance(said, dict):
        args, env = said["args"], said.get("env", {})
        if not isinstance(args, str | list) or not isinstance(env, dict):
            raise TypeError("a command's table is {args, env}")
        return Step(_step(args).argv, {str(key): str(value) for key, value in env.items()})
    argv = ("bash", "-c", said) if isinstance(said, str) else tuple(str(word) for word in said)
    return Step(argv)


def numbers(published: Path) -> list[int]:
    """The snapshots that exist, oldest first."""
    return sorted(int(path.name) for path in published.iterdir() if path.name.isdecimal())


def prune(published: Path, current: int | None) -> None:
    """Keep the current snapshot and the newest, `KEPT` in all."""
    others = [number for number in numbers(published) if number != current]
    for number in others[: -(KEPT - 1)]:
        shutil.rmtree(published / str(number), ignore_errors=True)
