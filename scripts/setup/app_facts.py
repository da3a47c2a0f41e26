"""Read an app's checkout: its git, packages, variables, Supabase and Replit files; and write into it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from scripts.errors import Refused
from scripts.git.command import drop_git_variables, git_command
from scripts.setup import programs
from scripts.system.process import attempt

TIMEOUT = 30.0
MAX_BYTES = 512 * 1024  # a longer source file is generated
SKIPPED = {"node_modules", "dist", "build", ".git", ".venv", "__pycache__", "coverage"}
SOURCES = (".ts", ".tsx", ".js", ".jsx", ".vue", ".svelte", ".html")
LOCKFILES = ("package-lock.json", "pnpm-lock.yaml", "yarn.lock")


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
    """The branches of the remote, or as last fetched if it does not answer, and the local ones.

    Asked of git: it reads every format of refs, GitPython only files.
    """
    answer = attempt(git_command(app, ("ls-remote", "--heads", "--", remote), TIMEOUT))
    names = {line.partition("refs/heads/")[2] for line in answer.text.splitlines()}
    if answer.code:
        form = ("for-each-ref", "--format=%(refname:lstrip=3)", f"refs/remotes/{remote}")
        names |= set(attempt(git_command(app, form, TIMEOUT)).text.split())
    local = ("for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads")
    names |= set(attempt(git_command(app, local, TIMEOUT)).text.split())
    return tuple(sorted(names - {"", "HEAD"}))


def name(app: Path) -> str:
    """The app's name, in lower-case letters, digits and `-`."""
    title = programs.document(app / "package.json").get("name")
    plain = re.sub(r"[^a-z0-9]+", "-", str(title or app.name).lower().rpartition("/")[2]).strip("-")
    return plain or "app"


def variables(app: Path) -> tuple[str, ...]:
    """The names of variables in its `.env` files, and of `VITE_` variables in its sources."""
    names: set[str] = set()
    for file in sorted({*app.glob(".env*"), *app.glob("env/.env*")}):
        names |= set(re.findall(r"(?m)^\s*(?:export\s+)?([A-Z][A-Z0-9_]*)\s*=", _text(file)))
    for file in _sources(app):
        names |= set(re.findall(r"import\.meta\.env\??\.(VITE_[A-Z0-9_]+)", _text(file)))
    return tuple(sorted(names))


def sites(app: Path, environments: Iterable[str]) -> dict[str, str]:
    """The public URL of each environment for which a `.env` file sets `VITE_SITE_URL`."""
    urls: dict[str, str] = {}
    for environment in environments:
        for file in (f".env.{environment}", f".env.{environment}.example"):
            for path in (app / file, app / "env" / file):
                line = re.search(r"(?m)^VITE_SITE_URL=[\"']?(https://[\w.-]+/?)[\"']?\s*$", _text(path))
                if line:
                    urls.setdefault(environment, line[1].rstrip("/"))
    return urls


def lockfiles(app: Path) -> tuple[str, ...]:
    """The lock files of package managers that it has."""
    return tuple(name for name in LOCKFILES if (app / name).is_file())


def has_supabase(app: Path) -> bool:
    """Whether it has a Supabase project."""
    return (app / "supabase" / "config.toml").is_file() or (app / "supabase" / "migrations").is_dir()


def output(app: Path) -> str:
    """The folder that Vite builds into."""
    for file in sorted(app.glob("vite.config.*")):
        option = re.search(r"outDir:\s*[\"'`]([\w./-]+)[\"'`]", _text(file))
        if option and not option[1].startswith(("/", "..")):
            return option[1].removeprefix("./").rstrip("/")
    return "dist"


def publish_rebuilds(app: Path) -> bool:
    """Whether `.replit` makes Publish build the app again."""
    deployment = _text(app / ".replit").partition("[deployment]")[2].partition("\n[")[0]
    return bool(re.search(r"(?m)^build\s*=.*\b(build|vite)\b(?!.*test -f)", deployment))


def desk_files(desk: Path) -> Iterator[Path]:
    """The files that a copy of the desk needs, relative to its folder."""
    for top in (
        "tasks.py",
        "scripts",
        "loadtests",
        *sorted(f.name for f in desk.glob("requirements*")),
        "LICENSE",
    ):
        for file in _walked(desk / top):
            yield file.relative_to(desk)


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


def _sources(app: Path) -> Iterator[Path]:
    """The app's own source files; those of a copied desk's sample app are left out."""
    ours = app / "scripts" / "sandbox"
    return (file for file in _walked(app) if file.suffix in SOURCES and ours not in file.parents)


def _walked(top: Path) -> Iterator[Path]:
    if top.is_file():
        yield top
    for folder, inner, files in os.walk(top):
        inner[:] = sorted(set(inner) - SKIPPED)
        yield from (Path(folder) / name for name in sorted(files) if not name.endswith(".pyc"))


def _text(file: Path) -> str:
    try:
        return (
            file.read_text(encoding="utf-8", errors="replace") if file.stat().st_size <= MAX_BYTES else ""
        )
    except OSError:
        return ""
