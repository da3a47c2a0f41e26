"""Files of commits, each read once: what a commit holds never changes.

Environments often run the same commit, and are looked at side by side.
"""

from __future__ import annotations

from scripts.git.client import SHA
from scripts.git.files import Objects, TreeFile
from scripts.system.background import OnceEach


def read_tree(git: Objects, commit: str, folder: str) -> tuple[TreeFile, ...]:
    """As `Objects.read_tree`; whatever is no whole commit id, such as a branch, is read each time."""
    return _tree(git, commit, folder) if SHA.fullmatch(commit) else git.read_tree(commit, folder)


def read_file(git: Objects, commit: str, path: str) -> str | None:
    """As `Objects.read_file`, like `read_tree`."""
    return _file(git, commit, path) if SHA.fullmatch(commit) else git.read_file(commit, path)


@OnceEach
def _tree(git: Objects, commit: str, folder: str) -> tuple[TreeFile, ...]:
    return git.read_tree(commit, folder)


@OnceEach
def _file(git: Objects, commit: str, path: str) -> str | None:
    return git.read_file(commit, path)
