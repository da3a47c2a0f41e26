"""Read an app's checkout, its files and its git, and write into it. No program of the checkout is run."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from scripts.config import env_files
from scripts.errors import Refused
from scripts.git.command import drop_git_variables, git_command
from scripts.secrets import exposure
from scripts.secrets.classify import PublicNames
from scripts.secrets.local_values import is_known_to_all
from scripts.secrets.variables import Variable, secrets_among
from scripts.setup.tree import Tree
from scripts.system.process import attempt

TIMEOUT = 30.0
MAX_BYTES = 512 * 1024  # a longer source file is generated
MAX_FILES = 50_000
SKIPPED = {
    *(
        "node_modules",
        "dist",
        "build",
        ".git",
        ".venv",
        "venv",
        "__pycache__",
        "coverage",
        ".next",
        ".nuxt",
    ),
    *(".output", ".svelte-kit", ".turbo", ".expo", ".nx", ".cache", ".airhost", ".sandbox", "vendor"),
}


def checkout(folder: Path) -> Path:
    """The top of the git checkout that a folder is in.

    Raises:
        Refused: it is in none.
    """
    from git import InvalidGitRepositoryError, NoSuchPathError, Repo

    drop_git_variables()
    try:
        with Repo(folder, search_parent_directories=True, expand_vars=False) as repo:
            if repo.working_tree_dir is not None:
                return Path(repo.working_tree_dir)
    except (InvalidGitRepositoryError, NoSuchPathError):
        pass
    raise Refused(f"`{folder}` is no git checkout", "run it in the app's clone, or name that with `--app`")


def remotes(app: Path) -> tuple[str, ...]:
    """The names of its remotes, read from its configuration; no program is run."""
    from git import Repo

    with Repo(app, expand_vars=False) as repo:
        return tuple(remote.name for remote in repo.remotes)


def branches(app: Path, remote: str) -> tuple[str, ...]:
    """The branches of the remote, or as last fetched if it does not answer; else the local ones.

    Asked of git: it reads every format of refs, GitPython only files.
    """
    answer = attempt(git_command(app, ("ls-remote", "--heads", "--", remote), TIMEOUT))
    names = {line.partition("refs/heads/")[2] for line in answer.text.splitlines()}
    if answer.code:
        folder = f"refs/remotes/{remote}" if remote in remotes(app) else "refs/heads"
        form = ("for-each-ref", f"--format=%(refname:lstrip={folder.count('/') + 1})", folder)
        names = set(attempt(git_command(app, form, TIMEOUT)).text.split())
    return tuple(sorted(names - {"", "HEAD"}))


def head_branch(app: Path, remote: str) -> str:
    """The remote's own default branch; "" where it does not answer."""
    answer = attempt(git_command(app, ("ls-remote", "--symref", "--", remote, "HEAD"), TIMEOUT))
    named = re.search(r"^ref: refs/heads/(\S+)\tHEAD$", answer.text, re.MULTILINE)
    return named[1] if named else ""


def tree(app: Path) -> Tree:
    """The files of a checkout, without what is built or installed there, and without a copied desk."""
    files = frozenset(file.relative_to(app).as_posix() for file in _app_files(app))
    return Tree(files, lambda name: _text(app / name))


def ignored(app: Path, name: str) -> str:
    """The rule by which git ignores a file, as `.gitignore:3:env/`; "" where it does not."""
    answer = attempt(git_command(app, ("check-ignore", "--no-index", "-v", "--", name), TIMEOUT))
    rule = answer.text.partition("\t")[0]
    return "" if answer.code or rule.rpartition(":")[2].startswith("!") else rule


def tracked_secrets(app: Path) -> dict[str, list[str]]:
    """The `.env` files in git that hold secrets, and the names of these; a value is never passed on."""
    public = PublicNames()
    found: dict[str, list[str]] = {}
    tracked = attempt(git_command(app, ("ls-files", "-z", "--", *exposure.FILES), TIMEOUT)).text
    for name in filter(None, tracked.split("\0")):
        if not name.endswith(exposure.COMMITTED):
            lines = env_files.parse_lines(_text(app / name))
            variables = [Variable(key, value, name, number) for number, key, value in lines.entries]
            secrets = [
                each.name for each in secrets_among(variables, public) if not is_known_to_all(each.value)
            ]
            if secrets:
                found[name] = secrets
    return found


def write(file: Path, content: bytes, like: Path | None = None) -> None:
    """Write a file atomically, with the mode of `like`; a link in its place is replaced, not followed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    with os.fdopen(handle, "wb") as sink:
        sink.write(content)
    if like is not None:
        shutil.copymode(like, part)
    part.replace(file)


def read(file: Path) -> bytes | None:
    """The content of a file; None if there is none."""
    try:
        return file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _app_files(app: Path) -> Iterator[Path]:
    count = 0
    for folder, inner, names in os.walk(app):
        here = Path(folder)
        copied = here != app and (here / "tasks.py").is_file() and (here / "scripts" / "app.py").is_file()
        inner[:] = [] if copied else sorted(set(inner) - SKIPPED)
        for name in [] if copied else sorted(names):
            count += 1
            if count > MAX_FILES:
                return
            yield here / name


def _text(file: Path) -> str:
    try:
        return (
            file.read_text(encoding="utf-8", errors="replace") if file.stat().st_size <= MAX_BYTES else ""
        )
    except OSError:
        return ""
